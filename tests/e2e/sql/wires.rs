//! What both wires promise whatever the tables hold, over servers without any: encryption, and results
//! that are never cut off in silence.

use std::process::Command;

use super::{PASSWORD, Server};
use crate::harness::sandbox::{Output, Sandbox};

/// A sandbox whose server listens on both wires and knows one user.
fn listening(name: &str) -> Sandbox {
    let mut sandbox = Sandbox::without_broker(name);
    sandbox.set("serve.postgres", "127.0.0.1:0");
    sandbox.set("serve.flight", "127.0.0.1:0");
    sandbox.set("serve.http", "");
    sandbox.set("serve.users", "users.toml");
    sandbox
        .run_with_input(&["user", "add", "alice"], PASSWORD.as_bytes())
        .done();
    sandbox
}

/// Makes a certificate of this machine that vouches for itself (`NAME.pem`), and its key (`NAME-key.pem`).
fn certificate(sandbox: &Sandbox, name: &str) {
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes"])
        .args(["-keyout", &format!("{name}-key.pem")])
        .args(["-out", &format!("{name}.pem")])
        .args(["-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .current_dir(sandbox.path());
    sandbox.finish(command).done();
}

/// `psql` with a mode of encryption and the certificates it trusts.
fn encrypted(server: &Server, mode: &str, trusted: &str) -> Output {
    let (_, port) = server.postgres.rsplit_once(':').expect("host:port");
    let to = format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=alice dbname=nonsite sslmode={mode} sslrootcert={trusted}"
    );
    let mut command = Command::new("psql");
    command
        .args(["-X", "-At", &to, "-c", "SELECT 41 + 1"])
        .env("PGPASSWORD", PASSWORD)
        .current_dir(server.sandbox.path());
    server.sandbox.finish(command)
}

#[test]
fn encrypted_connections_only_where_there_is_a_certificate() {
    let mut sandbox = listening("sql-tls");
    certificate(&sandbox, "cert");
    certificate(&sandbox, "other");
    sandbox.set("serve.http", "127.0.0.1:0");
    sandbox.set("serve.tls_cert", "cert.pem");
    sandbox.set("serve.tls_key", "cert-key.pem");
    let server = Server::of(sandbox);
    let output = server.process.output();
    for wire in ["postgresql ", "flight "] {
        let line = output.lines().find(|line| line.starts_with(wire));
        assert!(line.is_some_and(|line| line.ends_with(" tls")), "{output}");
    }
    let answer = encrypted(&server, "verify-full", "cert.pem").done();
    assert_eq!(answer.stdout.trim(), "42");
    let plain = encrypted(&server, "disable", "cert.pem");
    assert_ne!(plain.code, 0);
    assert!(plain.stderr.contains("encrypted"), "{}", plain.stderr);
    let mistrusted = encrypted(&server, "verify-full", "other.pem");
    assert_ne!(mistrusted.code, 0);
    assert!(
        mistrusted.stderr.contains("certificate"),
        "{}",
        mistrusted.stderr
    );
    let failed = server.python("wires.py", "drivers", &["encrypted"]);
    assert!(failed.is_none(), "{failed:?}");
    // A certificate that cannot be used stops the start.
    let sandbox = &server.sandbox;
    sandbox.write("cert.pem", "no certificate");
    sandbox.run(&["serve"]).exits(2).complains(&["cert.pem"]);
}

#[test]
fn a_result_that_is_too_large_ends_with_an_error_on_both_wires() {
    let mut sandbox = listening("sql-large");
    sandbox.set("serve.sql.max_result_mb", 1);
    let server = Server::of(sandbox);
    let large = "SELECT value FROM generate_series(1, 1000000)";
    for sql in [large, &format!("COPY ({large}) TO STDOUT")] {
        let output = server.psql("alice", &["-At", "-c", sql]);
        assert_ne!(output.code, 0, "{sql}");
        assert!(
            output.stderr.contains("serve.sql.max_result_mb"),
            "{sql}: {}",
            output.stderr
        );
    }
    let failed = server.python("wires.py", "drivers", &["large"]);
    assert!(failed.is_none(), "{failed:?}");
}
