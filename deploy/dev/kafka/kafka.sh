#!/usr/bin/env bash
# A real Apache Kafka broker for development and tests: one JVM, KRaft, no container.
#
#   kafka.sh start  [--dir DIR] [--while PID]   start a broker (or report the one that runs)
#   kafka.sh stop   [--dir DIR] [--purge]       stop it; its records stay unless --purge
#   kafka.sh status [--dir DIR]                 "running ADDRESS" (exit 0) or "stopped" (exit 1)
#   kafka.sh env    [--dir DIR]                 shell lines that point nonsite at it
#   kafka.sh fetch                              only fill the jar cache
#
# One folder (--dir) is one broker; brokers in different folders run side by side on ports of
# their own. With --while, the broker stops and its folder is deleted as soon as process PID is
# gone, however it ended: a test run that is killed leaves nothing behind.
#
# Environment:
#   NONSITE_KAFKA_DIR    default of --dir                 [~/.cache/nonsite/kafka-dev]
#   NONSITE_KAFKA_CACHE  parent folder of the jar cache   [~/.cache/nonsite]
#   NONSITE_KAFKA_HEAP   largest heap of the broker       [512m]
#
# Files in DIR: pid, bootstrap (host:port), server.properties, broker.log, data/.
# Standard output carries only the answer (address, state); progress goes to standard error.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
cache="${NONSITE_KAFKA_CACHE:-${HOME:?HOME is not set; name a cache folder in NONSITE_KAFKA_CACHE}/.cache/nonsite}"
jars="$cache/kafka-$version"
dir="${NONSITE_KAFKA_DIR:-$cache/kafka-dev}"
heap="${NONSITE_KAFKA_HEAP:-512m}"

# Seconds until a broker that is starting (stopping) is given up (killed). A start takes 3 to 6 s
# on an idle machine; the margin is for one that compiles at the same time.
start_limit=120
stop_limit=30

say() { printf 'kafka: %s\n' "$*" >&2; }
die() { say "$*"; exit 3; }

usage() {
    sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

java_bin() {
    local java="java"
    [[ -n "${JAVA_HOME:-}" ]] && java="$JAVA_HOME/bin/java"
    command -v "$java" >/dev/null ||
        die "no Java found; Kafka $version needs Java 17 or newer: apt-get install openjdk-17-jre-headless"
    local major
    major=$("$java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    [[ "${major:-0}" -ge 17 ]] ||
        die "Java ${major:-of unknown version} is too old for Kafka $version; install Java 17 or newer (or set JAVA_HOME)"
    printf '%s' "$java"
}

# Fills the jar cache once; a lock lets several callers arrive at the same time. The folder gets
# its final name only when it is complete.
fetch() {
    [[ -f "$jars/.complete" ]] && return
    command -v mvn >/dev/null ||
        die "the Kafka $version jars are not in $jars and Maven is not installed to fetch them: apt-get install maven (or copy a filled folder there)"
    mkdir -p "$cache"
    exec 9>"$cache/.kafka-fetch.lock"
    flock 9
    if [[ ! -f "$jars/.complete" ]]; then
        say "fetching Apache Kafka $version into $jars (about 45 MB, once)"
        local part="$jars.part"
        rm -rf "$part"
        mvn -B -q -f "$here/pom.xml" \
            org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
            -DincludeScope=runtime -DoutputDirectory="$part" >&2 ||
            die "Maven could not fetch the jars; check the network (proxy settings belong into ~/.m2/settings.xml) and try again"
        touch "$part/.complete"
        rm -rf "$jars"
        mv "$part" "$jars"
    fi
    exec 9>&-
}

# The storage tool has moved between packages over the versions; file names in a jar are plain.
storage_tool() {
    local name
    for name in kafka/tools/StorageTool org/apache/kafka/tools/StorageTool; do
        if grep -qF "$name.class" "$jars"/kafka*.jar; then
            printf '%s' "${name//\//.}"
            return
        fi
    done
    die "no StorageTool class in $jars; the layout of Kafka $version is not known to this script"
}

# Two ports nobody listens on, below the range the system hands out to outgoing connections.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            printf '%s' "$port"
            return
        fi
    done
}

# The broker's pid if it runs. A recycled pid is not mistaken for it: its command line must name
# this folder's properties file.
running() {
    local pid
    pid=$(cat "$dir/pid" 2>/dev/null) || return 1
    [[ -n "$pid" ]] && kill -0 "$pid" 2>/dev/null || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$dir/server.properties" || return 1
    printf '%s' "$pid"
}

write_properties() {
    local broker=$1 controller=$2
    cat >"$dir/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$broker,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://127.0.0.1:$broker
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:$controller
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
# One broker cannot replicate; few internal partitions keep the start quick.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A group of one should not wait for others to join.
group.initial.rebalance.delay.ms=0
# Lets a client choose to notice a killed member within a second (its session.timeout.ms decides).
group.min.session.timeout.ms=500
# Replayed data carries old timestamps; with a retention in time the broker would delete it at
# once, behind the back of whoever reads it.
log.retention.ms=-1
log.retention.bytes=-1
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
PROPERTIES
}

format() {
    local java=$1 tool
    tool=$(storage_tool)
    write_properties "$(free_port)" "$(free_port)"
    rm -rf "$dir/data"
    # A cluster id is 16 random bytes in URL-safe base64; made here to spare one start of the JVM.
    local id
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
    "$java" -Xmx128m -XX:TieredStopAtLevel=1 -cp "$jars/*" \
        "-Dlog4j2.configurationFile=$here/log4j2.properties" \
        "$tool" format --standalone -t "k${id:1}" -c "$dir/server.properties" >"$dir/format.log" 2>&1 ||
        die "formatting $dir/data failed: $(tail -n 3 "$dir/format.log")"
}

launch() {
    local java=$1
    : >"$dir/broker.log"
    # setsid: a Ctrl-C at the caller's terminal must not reach the broker before `stop` does.
    setsid "$java" "-Xmx$heap" -Xms128m -XX:+UseSerialGC -XX:+ExitOnOutOfMemoryError \
        -Djava.awt.headless=true "-Dlog4j2.configurationFile=$here/log4j2.properties" \
        -cp "$jars/*" kafka.Kafka "$dir/server.properties" \
        >"$dir/broker.log" 2>&1 </dev/null 9>&- &
    local pid=$! waited=0
    printf '%s\n' "$pid" >"$dir/pid"
    until grep -q 'Kafka Server started' "$dir/broker.log"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            rm -f "$dir/pid"
            return 1
        fi
        ((waited++ < start_limit * 10)) || { kill -KILL "$pid"; die "the broker did not start within $start_limit s; see $dir/broker.log"; }
        sleep 0.1
    done
    sed -n 's|^advertised.listeners=PLAINTEXT://||p' "$dir/server.properties" >"$dir/bootstrap"
}

start() {
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    exec 8>"$dir/.lock"
    flock 8
    if running >/dev/null; then
        cat "$dir/bootstrap"
        return
    fi
    local java attempt kept=""
    java=$(java_bin)
    fetch
    # A stopped broker keeps its records, and with them its ports: the quorum remembers them.
    [[ -f "$dir/data/meta.properties" && -f "$dir/server.properties" ]] && kept=yes
    # Another process can take a port between the check and the bind: then once more with others.
    for attempt in 1 2 3; do
        [[ -n "$kept" ]] || format "$java"
        if launch "$java" 8>&-; then
            [[ -n "$while_pid" ]] && watch_parent
            cat "$dir/bootstrap"
            return
        fi
        [[ -z "$kept" ]] && grep -q 'Address already in use' "$dir/broker.log" || break
        say "a port was taken in attempt $attempt; trying others"
    done
    die "the broker ended while starting; the end of $dir/broker.log: $(tail -n 5 "$dir/broker.log")"
}

watch_parent() {
    setsid "${BASH_SOURCE[0]}" watch --dir "$dir" --while "$while_pid" >/dev/null 2>&1 </dev/null 8>&- 9>&- &
}

watch() {
    while kill -0 "$while_pid" 2>/dev/null; do sleep 0.5; done
    purge=yes
    stop
}

stop() {
    [[ -d "$dir" ]] || { say "nothing to stop: $dir does not exist"; return; }
    dir=$(cd "$dir" && pwd)
    local pid waited=0
    if pid=$(running); then
        kill -TERM "$pid"
        while kill -0 "$pid" 2>/dev/null; do
            if ((waited++ >= stop_limit * 10)); then
                say "the broker did not stop within $stop_limit s; killing it"
                kill -KILL "$pid"
                break
            fi
            sleep 0.1
        done
        say "stopped"
    else
        say "not running"
    fi
    rm -f "$dir/pid" "$dir/bootstrap"
    if [[ -n "$purge" ]]; then
        # Only what this script made: --dir may be a folder that holds other things too.
        rm -rf "$dir/data" "$dir/server.properties" "$dir/broker.log" "$dir/format.log" "$dir/.lock"
        rmdir "$dir" 2>/dev/null || true
    fi
}

command=${1:-}
[[ $# -gt 0 ]] && shift
while_pid="" purge=""
while [[ $# -gt 0 ]]; do
    case $1 in
        --dir) dir=${2:?--dir needs a folder}; shift 2 ;;
        --while) while_pid=${2:?--while needs a process id}; shift 2 ;;
        --purge) purge=yes; shift ;;
        *) say "unknown argument '$1'"; usage ;;
    esac
done

case $command in
    start) start ;;
    stop) stop ;;
    fetch) fetch; printf '%s\n' "$jars" ;;
    watch) watch ;;
    status)
        dir=$(cd "$dir" 2>/dev/null && pwd) || { echo stopped; exit 1; }
        if running >/dev/null; then echo "running $(cat "$dir/bootstrap")"; else echo stopped; exit 1; fi
        ;;
    env)
        dir=$(cd "$dir" 2>/dev/null && pwd) || die "no broker in $dir; start one first"
        running >/dev/null || die "no broker runs in $dir; start one first"
        printf 'export NONSITE__KAFKA__BROKERS=%s\n' "$(cat "$dir/bootstrap")"
        ;;
    *) usage ;;
esac
