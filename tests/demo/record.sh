#!/usr/bin/env bash
# Records the session that `rmq top --demo` shows, from a cluster of its own that works, lags, loses a broker and gets it back:
#
#   tests/demo/record.sh [FILE]      default: tui/demo/recording.gz
#
# Takes two minutes. RMQ says which rmq (default: target/debug/rmq), RMQ_DEMO_DIR where the cluster lies (default: a folder in
# /dev/shm, so that nobody's disk is in the picture). Then renew the pictures:
# RMQ_WRITE_PICTURES=1 cargo test -p rmq-tui --test pictures
set -euo pipefail
cd "$(dirname "$0")/../.."
rmq=$(realpath "${RMQ:-target/debug/rmq}")
file=$(realpath "${1:-tui/demo/recording.gz}")
dir=$(mktemp -d "${RMQ_DEMO_DIR:-/dev/shm}/rmq-demo-XXXXXX")
cluster() { local verb=$1; shift; "$rmq" cluster "$verb" --name shop --dir "$dir" "$@"; }

# Everything below runs in the background of this shell and ends with it, by its own number.
running=()
run() { "$@" >/dev/null 2>>"$dir/work.log" & running+=($!); }
end() {
  for pid in "${running[@]}"; do kill -CONT "$pid" 2>/dev/null || true; kill "$pid" 2>/dev/null || true; done
  cluster down >/dev/null 2>&1 || true
  rm -rf "$dir"
}
trap end EXIT

echo "starting a cluster in $dir" >&2
cluster up --template 2m-2s-sync --base-port "${RMQ_DEMO_PORT:-21000}" --set brokerClusterName=shop >/dev/null
eval "$("$rmq" cluster env --name shop --dir "$dir")"
"$rmq" topic create orders --queues 3 >/dev/null
for topic in payments inventory signups reminders; do "$rmq" topic create "$topic" --queues 2 >/dev/null; done

# A line a message: `lines TOPIC RATE FORMAT`, the format with the number of the message in it, twice.
lines() {
  exec "$rmq" produce "$1" --rate "$2" --tag "$4" --key "$5" \
    < <(awk -v format="$3\n" 'BEGIN { for (n = 1000; ; n++) printf format, n, n * 7 % 900 }' 2>/dev/null)
}
run lines orders 120 '{"order":"A-%d","total":%d.90,"city":"杭州"}' paid A
run lines orders 60 '{"order":"B-%d","total":%d.10,"city":"Berlin"}' open B
run lines payments 50 '{"payment":%d,"cents":%d00,"by":"card"}' card P
run lines inventory 80 '{"商品":"T恤-%d","数量":-%d}' 出库 货
run lines signups 5 '{"用户":"u%d","来自":"渠道 %d"}' 新 户
run "$rmq" produce reminders -m 'pay your order' --count 100000 --rate 3 --delay 30s

run "$rmq" consume orders --group billing
billing=$!
run "$rmq" consume orders --group billing
run "$rmq" consume orders --group billing
run "$rmq" consume orders --group shipping
shipping=$!
run "$rmq" consume payments --group settlement --fail-every 40 --max-retries 0
run "$rmq" consume inventory --group reports
reports=$!
run "$rmq" consume signups --group welcome --fail-every 15 --max-retries 0
run "$rmq" consume reminders --group mailer

sleep 12
echo "recording" >&2
"$rmq" top --record "$dir/recording.gz" --record-all -n 95 -d 1 -o jsonl --timeout 3s >/dev/null &
recorder=$!
sleep 8;  kill -STOP "$reports" "$shipping"
sleep 22; echo "killing broker-b" >&2; cluster kill broker-b >/dev/null
sleep 6;  kill -CONT "$reports"
sleep 10; echo "starting it again" >&2; cluster up >/dev/null
sleep 8;  kill -CONT "$shipping"; kill -STOP "$billing"
sleep 15; kill -CONT "$billing"
wait "$recorder" || true
# Where the cluster lay and who recorded it is nobody's business: its address is also in the ids of clients, and of messages as eight
# digits. As one piece it is smaller, and without the messages of single queues but those of orders and of dead letters.
mask="s#$dir#/var/lib/rmq#g"
for addr in $(hostname -I | tr ' ' '\n' | grep -v :); do
  mask+="; s#${addr//./\\.}\b#10.0.0.7#g; s#\"$(printf '%02X' ${addr//./ })#\"0A000007#g"
done
queues='"Messages":\[{"topic":"(payments|inventory|signups)","queue":\['
zcat "$dir/recording.gz" | grep -avE "$queues" | sed "$mask" | gzip -9n >"$file"
ls -l "$file" >&2
