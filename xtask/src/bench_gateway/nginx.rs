//! nginx from Debian, set up as somebody would who knows it well.

use super::process::{Process, on_core};
use super::proxies::Setup;
use std::fmt::Write as _;
use std::net::SocketAddr;

/// Starts it.
pub(super) fn start(setup: &Setup<'_>) -> Result<Process, String> {
    let file = setup.write("nginx.conf", &configuration(setup))?;
    let mut command = on_core(setup.core, "nginx");
    command.arg("-p").arg(setup.folder).arg("-c").arg(file).args(["-e", "stderr"]);
    Process::start(&mut command, &setup.folder.join("nginx.log"))
}

fn configuration(setup: &Setup<'_>) -> String {
    let (stable, candidate) = setup.releases();
    let mut text = format!(
        "daemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\npid {folder}/nginx.pid;\n\
         events {{ worker_connections 16384; }}\n\
         http {{\n  access_log off;\n  keepalive_timeout 75s;\n  keepalive_requests 1000000000;\n  tcp_nodelay on;\n  \
         proxy_temp_path {folder}/nginx-proxy;\n  client_body_temp_path {folder}/nginx-body;\n  \
         fastcgi_temp_path {folder}/nginx-fastcgi;\n  uwsgi_temp_path {folder}/nginx-uwsgi;\n  \
         scgi_temp_path {folder}/nginx-scgi;\n  \
         ssl_protocols TLSv1.3;\n  ssl_session_cache shared:tls:10m;\n  ssl_buffer_size 16k;\n  \
         split_clients $request_id $release {{ 90% stable; * candidate; }}\n",
        folder = setup.folder.display(),
    );
    for (name, addresses) in [("stable", stable), ("candidate", candidate)] {
        upstream(&mut text, name, addresses);
    }
    let _ = write!(
        text,
        "  server {{\n    listen {plain} reuseport backlog=4096;\n    listen {tls} ssl http2 reuseport backlog=4096;\n    \
         ssl_certificate {certificate};\n    ssl_certificate_key {key};\n    \
         http2_max_requests 1000000000;\n    \
         location / {{\n      proxy_pass http://$release;\n      proxy_http_version 1.1;\n      \
         proxy_set_header Connection \"\";\n      proxy_set_header Host $host;\n      \
         proxy_set_header X-Forwarded-For $remote_addr;\n      proxy_set_header X-Forwarded-Proto $scheme;\n      \
         proxy_set_header X-Forwarded-Host $host;\n      proxy_set_header X-Request-Id $request_id;\n      \
         proxy_buffers 8 16k;\n      proxy_buffer_size 16k;\n      proxy_busy_buffers_size 64k;\n    }}\n  }}\n}}\n",
        plain = setup.plain,
        tls = setup.tls,
        certificate = setup.certificate.display(),
        key = setup.key.display(),
    );
    text
}

/// `least_conn` stands before `keepalive`: the other way round nginx takes no notice of it.
fn upstream(text: &mut String, name: &str, addresses: &[SocketAddr]) {
    let _ = writeln!(text, "  upstream {name} {{\n    least_conn;");
    for address in addresses {
        let _ = writeln!(text, "    server {address};");
    }
    let _ = writeln!(text, "    keepalive 128;\n    keepalive_requests 1000000000;\n  }}");
}
