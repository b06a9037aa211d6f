"""Drives the official C++ client for the end-to-end tests.

Works with PyPI `rocketmq` 0.4.4 (C++ client 1.x in its wheel) and with PyPI `rocketmq-client-python` 2.0.0
over the C++ client 2.1. Prints one JSON object a line: what was sent, or what was received.
It is a driver, not a test: it judges nothing. See ../cpp.rs.
"""
import argparse
import json
import os
import queue
import signal
import sys
import threading
import time

import rocketmq.client as mq

# As both packages' C interface has it.
RECONSUME_LATER = 1

printing = threading.Lock()


def say(**what):
    with printing:
        sys.stdout.write(json.dumps(what) + "\n")
        sys.stdout.flush()


def text(value):
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def point_at(client, address):
    """Names the name server; the two packages spell it differently."""
    name = "set_namesrv_addr" if hasattr(client, "set_namesrv_addr") else "set_name_server_address"
    getattr(client, name)(address)


def received(message, args):
    return {
        "body": text(message.body),
        "tag": text(message.tags),
        "keys": text(message.keys),
        "id": message.id,
        "queue": message.queue_id,
        "offset": message.queue_offset,
        "times": message.reconsume_times,
        "property": text(message.get_property(args.property.split("=")[0])) if args.property else None,
    }


def connect(producer):
    """Sends to another topic until that works once.

    The client's heartbeat and its first send both open the connection to the broker; the one that comes second gives
    up at once instead of waiting. Later sends find the connection open.
    """
    for attempt in range(20):
        message = mq.Message("warm-up")
        message.set_body("warm-up")
        try:
            producer.send_sync(message)
            return
        except Exception as error:
            if "No route info" not in str(error):
                raise
            sys.stderr.write("attempt %d: %s\n" % (attempt, error))
    raise RuntimeError("no connection to the broker")


def told(body, result):
    """Says how sending BODY ended."""
    if isinstance(result, Exception):
        raise result
    say(body=body, status=int(result.status), id=result.msg_id, offset=result.offset)


def send(args):
    """Sends COUNT messages PREFIX0, PREFIX1, … whose tags take turns."""
    producer = mq.Producer(args.group)
    point_at(producer, args.namesrv)
    producer.start()
    connect(producer)
    tags = args.tags.split(",") if args.tags else []
    modes = [args.mode] * args.count
    if args.mode.startswith("oneway"):
        # One connection keeps its order: once this one is acknowledged, all before it have arrived.
        modes.append("sync")
    together, outcomes = [], queue.Queue()
    for at, mode in enumerate(modes):
        message = mq.Message(args.topic)
        body = "%s%d" % (args.prefix, at)
        message.set_body(body.ljust(args.size, "."))
        message.set_keys("key-%s" % body)
        if tags:
            message.set_tags(tags[at % len(tags)])
        if args.property:
            message.set_property(*args.property.split("=", 1))
        if args.delay:
            message.set_delay_time_level(args.delay)
        result = None
        if mode == "sync":
            result = producer.send_sync(message)
        elif mode == "oneway":
            producer.send_oneway(message)
        elif mode == "orderly":
            result = producer.send_orderly(message, at % args.shards)
        elif mode == "oneway-orderly":
            producer.send_oneway_orderly(message, at % args.shards)
        elif mode == "sharding-key":
            result = producer.send_orderly_with_sharding_key(message, "shard-%d" % (at % args.shards))
        elif mode in ("async", "batch"):
            together.append((body, message))
        if mode == "async":
            done = lambda result, body=body: outcomes.put((body, result))
            producer.send_async(message, done, done)
        elif mode == "batch":
            pass
        elif result is None:
            say(body=body)
        else:
            told(body, result)
    if args.mode == "batch":
        result = producer.send_batch([message for _, message in together])
        for body, _ in together:
            told(body, result)
    elif args.mode == "async":
        for _ in together:
            told(*outcomes.get(timeout=args.seconds))
    producer.shutdown()


def push(args):
    """Consumes until EXPECT different bodies have come, SECONDS have passed, or it is told to end."""
    model = mq.MessageModel.BROADCASTING if args.broadcast else mq.MessageModel.CLUSTERING
    consumer = mq.PushConsumer(args.group, orderly=args.orderly, message_model=model)
    point_at(consumer, args.namesrv)
    if args.instance:
        consumer.set_instance_name(args.instance)
    seen, done, lock = set(), threading.Event(), threading.Lock()
    signal.signal(signal.SIGTERM, lambda *_: done.set())

    def on_message(message):
        begun = time.time_ns()
        time.sleep(args.work_ms / 1000)
        what = received(message, args)
        say(begun=begun, ended=time.time_ns(), **what)
        with lock:
            seen.add(what["body"])
            if len(seen) >= args.expect:
                done.set()
        # The older package wants nothing back, the newer one this.
        return mq.ConsumeStatus.CONSUME_SUCCESS if hasattr(mq, "ConsumeStatus") else None

    if args.fail:
        # What a listener of the older package says does not come to its client, so it is said in its place.
        register = consumer._register_callback
        consumer._register_callback = lambda call: register(lambda *given: (call(*given), RECONSUME_LATER)[1])
    consumer.subscribe(args.topic, on_message, args.tag)
    consumer.start()
    say(started=True)
    done.wait(args.seconds)
    # The newer client crashes at times when it is shut down with messages just consumed: it is left by exit.
    if not hasattr(mq, "ConsumeStatus"):
        consumer.shutdown()


def pull(args):
    """Reads every queue of the topic from its start to its end."""
    consumer = mq.PullConsumer(args.group)
    point_at(consumer, args.namesrv)
    consumer.start()
    for message in consumer.pull(args.topic, args.tag):
        say(**received(message, args))
    consumer.shutdown()


def transact(args):
    """Sends COUNT half messages PREFIX0, … that end as END says, then answers questions until EXPECT came or SECONDS passed.

    END `hold` never ends the first one. Questions are answered with CHECK. Only the newer package has transactions.
    """
    statuses = {name: getattr(mq.TransactionStatus, name.upper()) for name in ["commit", "rollback", "unknown"]}
    seen, done = set(), threading.Event()

    def check(message):
        seen.add(text(message.body))
        say(asked=text(message.body), id=message.id)
        if len(seen) >= args.expect:
            done.set()
        return statuses[args.check]

    def local(message, _):
        body = text(message.body)
        say(local=body)
        if args.end == "hold" and body != "warm-up":
            threading.Event().wait()
        return statuses["rollback" if body == "warm-up" else args.end]

    producer = mq.TransactionMQProducer(args.group, check)
    point_at(producer, args.namesrv)
    producer.start()

    def warm_up():
        """Sends what is never seen: it is rolled back."""
        message = mq.Message("warm-up")
        message.set_body("warm-up")
        producer.send_message_in_transaction(message, local)

    for attempt in range(20):
        # As in `connect`.
        try:
            warm_up()
            break
        except Exception as error:
            sys.stderr.write("attempt %d: %s\n" % (attempt, error))
    for at in range(args.count):
        message = mq.Message(args.topic)
        message.set_body("%s%d" % (args.prefix, at))
        result = producer.send_message_in_transaction(message, local)
        say(body="%s%d" % (args.prefix, at), status=int(result.status), id=result.msg_id)
    if args.expect:
        say(started=True)
        done.wait(args.seconds)
    # Ends are sent one way: once this one is acknowledged, all before it on the connection have arrived.
    warm_up()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["send", "push", "pull", "transact"])
    parser.add_argument("--namesrv", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--mode", default="sync")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--prefix", default="m")
    parser.add_argument("--size", type=int, default=0, help="bytes to fill each body up to")
    parser.add_argument("--shards", type=int, default=2)
    parser.add_argument("--tags", help="comma-separated, taken in turn")
    parser.add_argument("--property", help="name=value to send, or name to show")
    parser.add_argument("--tag", default="*")
    parser.add_argument("--expect", type=int, default=1)
    parser.add_argument("--orderly", action="store_true", help="one call at a time for each queue")
    parser.add_argument("--broadcast", action="store_true", help="every member gets everything")
    parser.add_argument("--instance", help="part of the client id; broadcast positions are kept under it")
    parser.add_argument("--work-ms", type=float, default=0, help="how long each call takes")
    parser.add_argument("--end", default="commit", help="how transactions end")
    parser.add_argument("--check", default="commit", help="the answer to the question how one ended")
    parser.add_argument("--delay", type=int, default=0, help="delay level to send with")
    parser.add_argument("--fail", action="store_true", help="no message is handled: each is to come again")
    parser.add_argument("--seconds", type=float, default=60)
    args = parser.parse_args()
    {"send": send, "push": push, "pull": pull, "transact": transact}[args.what](args)
    say(done=True)
    # The library's threads do not survive the interpreter's own tidying up.
    os._exit(0)


main()
