//! The keys of Apache RocketMQ 4.9.8's `broker.conf` that do nothing here, by family, each family with its reason; so
//! that a file written for it runs unchanged and says at the start what it no longer does.
//!
//! Types and defaults are those of its `BrokerConfig`, `MessageStoreConfig`, `NettyServerConfig` and
//! `NettyClientConfig`. A value that would be missed (access control, Raft, a second log) is refused instead.

use base::settings::{Kind, Setting};

const INT: Kind = Kind::number("a whole number", i32::MIN as i64, i32::MAX as i64);
const LONG: Kind = Kind::number("a whole number", i64::MIN, i64::MAX);
const BOOL: Kind = Kind::Bool;
const TEXT: Kind = Kind::Text;

const NO_DLEDGER: Kind = Kind::Form {
    expected: "false: DLedger is not supported; run a master and slaves (brokerRole) instead",
    fits: is_false,
};
const NO_ACL: Kind = Kind::Form {
    expected: "false: access control is not supported, and this broker would serve anyone who reaches it",
    fits: is_false,
};
const NO_TLS: Kind = Kind::Form {
    expected: "false: connections to name servers are not encrypted, and what they carry could be read",
    fits: is_false,
};
const NO_SECOND_LOG: Kind = Kind::Form {
    expected: "nothing: messages in further commit log directories would be missing; only storePathCommitLog is read",
    fits: str::is_empty,
};

/// The keys, as [`base::settings::Known::without_effect`] wants them.
pub(crate) const KEYS_WITHOUT_EFFECT: &[Setting] = base::without_effect! {
    "requests are answered by one pool of workers, one for each processor": {
        sendMessageThreadPoolNums: INT, processors().min(4);
        putMessageFutureThreadPoolNums: INT, processors().min(4);
        pullMessageThreadPoolNums: INT, 16 + processors() * 2;
        processReplyMessageThreadPoolNums: INT, 16 + processors() * 2;
        queryMessageThreadPoolNums: INT, 8 + processors();
        adminBrokerThreadPoolNums: INT, 16;
        clientManageThreadPoolNums: INT, 32;
        consumerManageThreadPoolNums: INT, 32;
        heartbeatThreadPoolNums: INT, processors().min(32);
        endTransactionThreadPoolNums: INT, (8 + processors() * 2).max(processors().min(4) * 4);
        serverWorkerThreads: INT, 8;
        serverCallbackExecutorThreads: INT, 0;
        serverSelectorThreads: INT, 3;
        clientWorkerThreads: INT, 4;
        clientCallbackExecutorThreads: INT, processors();
        useEpollNativeSelector: BOOL, false;
    }
    "requests do not queue for threads; what is unanswered is bounded for each connection": {
        sendThreadPoolQueueCapacity: INT, 10_000;
        putThreadPoolQueueCapacity: INT, 10_000;
        pullThreadPoolQueueCapacity: INT, 100_000;
        replyThreadPoolQueueCapacity: INT, 10_000;
        queryThreadPoolQueueCapacity: INT, 20_000;
        clientManagerThreadPoolQueueCapacity: INT, 1_000_000;
        consumerManagerThreadPoolQueueCapacity: INT, 1_000_000;
        heartbeatThreadPoolQueueCapacity: INT, 50_000;
        endTransactionPoolQueueCapacity: INT, 100_000;
        brokerFastFailureEnable: BOOL, true;
        waitTimeMillsInSendQueue: LONG, 200;
        waitTimeMillsInPullQueue: LONG, 5_000;
        waitTimeMillsInHeartbeatQueue: LONG, 31_000;
        waitTimeMillsInTransactionQueue: LONG, 3_000;
        serverOnewaySemaphoreValue: INT, 256;
        serverAsyncSemaphoreValue: INT, 64;
        clientOnewaySemaphoreValue: INT, 65_535;
        clientAsyncSemaphoreValue: INT, 65_535;
    }
    "the buffers of sockets are left to the operating system": {
        serverSocketSndBufSize: INT, 0;
        serverSocketRcvBufSize: INT, 0;
        serverSocketBacklog: INT, 1024;
        clientSocketSndBufSize: INT, 0;
        clientSocketRcvBufSize: INT, 0;
        writeBufferHighWaterMark: INT, 0;
        writeBufferLowWaterMark: INT, 0;
    }
    "there is no Java heap beside the memory that sockets write from": {
        serverPooledByteBufAllocatorEnable: BOOL, true;
        clientPooledByteBufAllocatorEnable: BOOL, false;
        transferMsgByHeap: BOOL, true;
    }
    "connections to name servers and masters have fixed time-outs": {
        connectTimeoutMillis: INT, 3_000;
        channelNotActiveInterval: LONG, 60_000;
        clientChannelMaxIdleTimeSeconds: INT, 120;
        clientCloseSocketIfTimeout: BOOL, true;
    }
    "TLS is not supported": {
        useTLS: NO_TLS, false;
    }
    "access control is not supported": {
        aclEnable: NO_ACL, false;
    }
    "messages go to the page cache at once, without a pool of buffers before it": {
        transientStorePoolEnable: BOOL, false;
        transientStorePoolSize: INT, 5;
        fastFailIfNoBufferInStorePool: BOOL, false;
        commitIntervalCommitLog: INT, 200;
        commitCommitLogLeastPages: INT, 4;
        commitCommitLogThoroughInterval: INT, 200;
    }
    "the commit log has one appender, which needs no lock to choose or to watch": {
        useReentrantLockWhenPutMessage: BOOL, true;
        debugLockEnable: BOOL, false;
        osPageCacheBusyTimeOutMills: LONG, 1_000;
    }
    "files are not warmed up": {
        warmMapedFileEnable: BOOL, false;
        flushLeastPagesWhenWarmMapedFile: INT, 4_096;
    }
    "the flush waits for its interval or for someone who waits for it, whichever comes first": {
        flushCommitLogTimed: BOOL, true;
    }
    "an old file is removed at once, and its space is free when its last reader is done": {
        deleteCommitLogFilesInterval: INT, 100;
        deleteConsumeQueueFilesInterval: INT, 100;
        destroyMapedFileIntervalForcibly: INT, 120_000;
        redeleteHangedFileInterval: INT, 120_000;
    }
    "the commit log lies in one directory": {
        readOnlyCommitLogStorePaths: NO_SECOND_LOG, "";
    }
    "filters are evaluated on each message, without bit maps kept beside the queues": {
        enableConsumeQueueExt: BOOL, false;
        mappedFileSizeConsumeQueueExt: INT, 48 << 20;
        bitMapLengthConsumeQueueExt: INT, 64;
        enableCalcFilterBitMap: BOOL, false;
        expectConsumerNumUseFilter: INT, 32;
        maxErrorRateOfBloomFilter: INT, 20;
        filterDataCleanTimeSpan: LONG, 86_400_000;
    }
    "messages that are retried are not filtered again": {
        filterSupportRetry: BOOL, false;
    }
    "there are no filter servers": {
        filterServerNums: INT, 0;
    }
    "messages become readable as soon as they are written": {
        duplicationEnable: BOOL, false;
    }
    "DLedger is not supported": {
        enableDLegerCommitLog: NO_DLEDGER, false;
        storePathDLedgerCommitLog: TEXT, "";
        dLegerGroup: TEXT, "";
        dLegerPeers: TEXT, "";
        dLegerSelfId: TEXT, "";
        preferredLeaderId: TEXT, "";
        enableBatchPush: BOOL, false;
        // The same key in a file that a broker saved: read by the name of the setter, written by that of the field.
        isEnableBatchPush: BOOL, false;
    }
    "light message queues are not supported": {
        enableLmq: BOOL, false;
        enableMultiDispatch: BOOL, false;
        maxLmqConsumeQueueNum: INT, 20_000;
    }
    "delayed messages are delivered level by level, in order": {
        enableScheduleAsyncDeliver: BOOL, false;
        scheduleAsyncDeliverMaxPendingLimit: INT, 2_000;
        scheduleAsyncDeliverMaxResendNum2Blocked: INT, 3;
    }
    "a consumer that falls behind is served like any other": {
        disableConsumeIfConsumerReadSlowly: BOOL, false;
        consumerFallbehindThreshold: LONG, 16_u64 << 30;
        diskFallRecorded: BOOL, true;
    }
    "messages are accepted as soon as the broker has started": {
        startAcceptSendRequestTimeStamp: LONG, 0;
    }
    "statistics have no switches": {
        enableScheduleMessageStats: BOOL, true;
        enableDetailStat: BOOL, true;
        autoDeleteUnusedStats: BOOL, false;
    }
    "nothing is counted for billing": {
        commercialEnable: BOOL, true;
        commercialTimerCount: INT, 1;
        commercialTransCount: INT, 1;
        commercialBigCount: INT, 1;
        commercialBaseCount: INT, 1;
    }
    "Java plug-ins cannot be loaded": {
        messageStorePlugIn: TEXT, "";
    }
    "there is no installation directory": {
        rocketmqHome: TEXT, std::env::var("ROCKETMQ_HOME").unwrap_or_default();
    }
    "the log goes to standard error": {
        isolateLogEnable: BOOL, false;
    }
    "Apache RocketMQ 4.9.8 makes no use of it either": {
        maxDelayTime: INT, 40;
        highSpeedMode: BOOL, false;
        flushConsumerOffsetHistoryInterval: INT, 60_000;
        putMsgIndexHightWater: INT, 600_000;
    }
};

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn is_false(text: &str) -> bool {
    text.eq_ignore_ascii_case("false")
}
