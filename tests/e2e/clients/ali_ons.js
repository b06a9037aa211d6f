// Drives npm `ali-ons` 3.12.0 for the end-to-end tests: a client in plain JavaScript.
// Prints one JSON object a line: what was sent, or what was received. It judges nothing. See ../ali_ons.rs.
'use strict';

const { Producer, Consumer, Message } = require('ali-ons');
const { parseArgs } = require('node:util');

const { values: args, positionals: [what] } = parseArgs({
  allowPositionals: true,
  options: {
    namesrv: { type: 'string' },
    topic: { type: 'string' },
    group: { type: 'string' },
    count: { type: 'string', default: '1' },
    prefix: { type: 'string', default: 'm' },
    size: { type: 'string', default: '0' },
    tags: { type: 'string', default: '' },
    property: { type: 'string', default: '' },
    shards: { type: 'string', default: '0' },
    tag: { type: 'string', default: '*' },
    sql: { type: 'string' },
    expect: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '60' },
    delay: { type: 'string', default: '0' },
    'deliver-in-ms': { type: 'string', default: '0' },
    from: { type: 'string', default: 'first' },
    broadcast: { type: 'boolean', default: false },
    fail: { type: 'boolean', default: false },
  },
});

const say = what => process.stdout.write(JSON.stringify(what) + '\n');
const silent = { debug() {}, info() {}, warn: console.error, error: console.error };
const common = {
  // Without nameSrv it would ask a public host; without httpclient it refuses to start.
  nameSrv: args.namesrv,
  httpclient: { request: async () => { throw new Error('no address server here'); } },
  accessKeyId: 'none',
  accessKeySecret: 'none',
  clientIP: '127.0.0.1',
  rebalanceInterval: 2000,
  persistConsumerOffsetInterval: 500,
  logger: silent,
};

async function send() {
  const producer = new Producer({ ...common, producerGroup: args.group });
  producer.on('error', error => console.error(error));
  await producer.ready();
  const tags = args.tags ? args.tags.split(',') : [];
  for (let at = 0; at < Number(args.count); at++) {
    const body = args.prefix + at;
    const message = new Message(args.topic, tags.length ? tags[at % tags.length] : '', body.padEnd(Number(args.size), '.'));
    message.keys = [ `key-${body}` ];
    if (args.property) {
      const [ name, value ] = args.property.split('=');
      message.properties[name] = value;
    }
    if (Number(args.shards)) message.shardingKey = `shard-${at % Number(args.shards)}`;
    if (Number(args.delay)) message.delayTimeLevel = Number(args.delay);
    if (Number(args['deliver-in-ms'])) message.setStartDeliverTime(Date.now() + Number(args['deliver-in-ms']));
    const result = await producer.send(message);
    say({ body, status: result.sendStatus, id: result.msgId, queue: result.messageQueue.queueId, offset: Number(result.queueOffset) });
  }
}

// FROM is `first`, `last` or a time in ms, which it takes in seconds and in the time zone it lives in.
function from(where) {
  if (where === 'first' || where === 'last') return { consumeFromWhere: `CONSUME_FROM_${where.toUpperCase()}_OFFSET` };
  const time = new Date(Number(where));
  const digits = [ time.getMonth() + 1, time.getDate(), time.getHours(), time.getMinutes(), time.getSeconds() ];
  const consumeTimestamp = time.getFullYear() + digits.map(number => String(number).padStart(2, '0')).join('');
  return { consumeFromWhere: 'CONSUME_FROM_TIMESTAMP', consumeTimestamp };
}

async function push() {
  const consumer = new Consumer({
    ...common,
    consumerGroup: args.group,
    isBroadcast: args.broadcast,
    ...from(args.from),
    maxReconsumeTimes: args.fail ? 2 : 16,
  });
  consumer.on('error', error => console.error(error));
  const seen = new Set();
  await new Promise(resolve => {
    setTimeout(resolve, Number(args.seconds) * 1000);
    const wanted = args.sql ? { expressionType: 'SQL92', subString: args.sql } : args.tag;
    consumer.subscribe(args.topic, wanted, async message => {
      const body = message.body.toString();
      say({
        body,
        tag: message.tags,
        keys: message.keys,
        id: message.msgId,
        queue: message.queueId,
        offset: message.queueOffset,
        times: message.reconsumeTimes,
        property: args.property ? message.properties[args.property] : null,
      });
      seen.add(body);
      if (seen.size >= Number(args.expect)) resolve();
      if (args.fail) throw new Error('as asked for');
    });
    consumer.ready().then(() => say({ started: true }), error => { console.error(error); process.exit(1); });
  });
  await consumer.close();
}

({ send, push })[what]().then(
  () => { say({ done: true }); process.exit(0); },
  error => { console.error(error); process.exit(1); },
);
