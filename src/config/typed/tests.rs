use super::*;
use crate::config::Machine;

#[test]
fn every_setting_that_the_code_reads_is_in_the_table() {
    let machine = Machine { cores: 3, directory: "/data".into() };
    let config = Config::new(&machine);
    assert_eq!(config.bind(), ["127.0.0.1"]);
    assert_eq!((config.port(), config.tls_port(), config.tcp_backlog()), (6379, 0, 511));
    assert_eq!((config.unix_socket(), config.unix_socket_permissions()), (None, 0));
    assert!(config.protected_mode());
    assert_eq!((config.require_pass(), config.max_clients()), (None, 10_000));
    assert_eq!((config.timeout(), config.tcp_keepalive()), (None, Some(Duration::from_secs(300))));
    assert_eq!(config.client_query_buffer_limit_bytes(), 1 << 30);
    assert_eq!(config.client_output_buffer_limits().pubsub.soft_seconds, 60);
    assert_eq!(config.proto_max_bulk_len_bytes(), 512 << 20);
    assert_eq!(config.metrics_bind(), "127.0.0.1:9121".parse().ok());
    let tls = (config.tls_cert_file(), config.tls_key_file(), config.tls_ca_cert_file());
    assert_eq!((tls, config.tls_auth_clients()), ((None, None, None), TlsClientAuth::Yes));
    assert_eq!((config.daemonize(), config.pid_file()), (false, None));
    assert_eq!(config.supervised(), Supervision::No);
    assert_eq!((config.databases(), config.io_threads()), (16, 3));
    assert_eq!(config.enable_debug_command(), LocalAccess::No);
    assert_eq!(config.enable_protected_configs(), LocalAccess::No);
    assert_eq!(config.shutdown_on_sigint(), ShutdownOnSignal::default());
    assert_eq!(config.shutdown_on_sigterm(), ShutdownOnSignal::default());
    assert_eq!((config.log_level(), config.log_format()), (LogLevel::Notice, LogFormat::Human));
    assert_eq!(config.log_file(), None);
    assert_eq!((config.slowlog_log_slower_than_us(), config.slowlog_max_len()), (10_000, 128));
    assert_eq!((config.latency_monitor_threshold_ms(), config.latency_tracking()), (0, true));
    assert_eq!(config.latency_tracking_info_percentiles(), [50.0, 99.0, 99.9]);
    assert_eq!((config.dir(), config.append_only()), ("/data".into(), false));
    assert_eq!(config.append_fsync(), AppendFsync::EverySecond);
    assert_eq!(config.append_file_name(), PathBuf::from("appendonly.aof"));
    assert_eq!(config.append_dir_name(), PathBuf::from("appendonlydir"));
    assert!(config.aof_load_truncated());
    assert_eq!(config.auto_aof_rewrite_percentage(), 100);
    assert_eq!(config.auto_aof_rewrite_min_size_bytes(), 64 << 20);
    assert_eq!(config.save_points().len(), 3);
    assert_eq!((config.max_memory_bytes(), config.max_memory_policy()), (0, "noeviction"));
    assert_eq!((config.hz(), config.lazy_user_flush()), (10, false));
    assert_eq!(config.hash_packed_limits(), Limits { entries: 512, bytes: 64 });
    assert_eq!(config.set_packed_limits(), Limits { entries: 128, bytes: 64 });
    assert_eq!(config.zset_packed_limits(), Limits { entries: 128, bytes: 64 });
    assert_eq!(config.stream_node_limits(), Limits { entries: 100, bytes: 4096 });
    assert_eq!((config.set_max_intset_entries(), config.list_max_listpack_size()), (512, -2));
    assert_eq!(config.hll_sparse_max_bytes(), 3000);
}

#[test]
fn words_of_choices_mean_what_they_say() {
    let machine = Machine { cores: 1, directory: "/".into() };
    let mut loader = crate::config::Loader::new(&machine);
    let text = b"appendfsync always\nloglevel warning\nlog-format json\nsupervised auto\n\
        tls-auth-clients optional\nenable-debug-command local\nshutdown-on-sigint nosave now force\n";
    loader.text(crate::config::Source::StandardInput, text).expect("all of it is right");
    let config = loader.finish();
    assert_eq!(config.append_fsync(), AppendFsync::Always);
    assert_eq!((config.log_level(), config.log_format()), (LogLevel::Warning, LogFormat::Json));
    assert_eq!(config.supervised(), Supervision::Auto);
    assert_eq!(config.tls_auth_clients(), TlsClientAuth::Optional);
    assert_eq!(config.enable_debug_command(), LocalAccess::Local);
    assert!(LocalAccess::Local.allows(true) && !LocalAccess::Local.allows(false));
    let expect = ShutdownOnSignal { save: false, nosave: true, now: true, force: true };
    assert_eq!(config.shutdown_on_sigint(), expect);
}
