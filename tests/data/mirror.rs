//! A mirror of the tiny set on loopback, which answers as it should or not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::harness::{gzip, tiny_files};

/// What a server answers to each request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Damaged,
    Endless,
    EndlessHeader,
    Good,
    NotFound,
    Short,
    ShortUnannounced,
    Silent,
    Stalled,
}

/// An HTTP server of the tiny set on loopback; ends with the test process.
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) certificate: String,
    requests: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn new(reply: Reply, tls: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}/", listener.local_addr().unwrap());
        let identity = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let certificate = identity.cert.pem();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            rustls::ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![identity.cert.into()], key.into());
        let config = Arc::new(config.unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = requests.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (config, counter) = (config.clone(), counter.clone());
                thread::spawn(move || {
                    if tls {
                        let session = rustls::ServerConnection::new(config).unwrap();
                        answer(rustls::StreamOwned::new(session, stream), reply, &counter);
                    } else {
                        answer::<TcpStream>(stream, reply, &counter);
                    }
                });
            }
        });
        Self { url, certificate, requests }
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers one request. The client may leave at any time, so errors end the answer and nothing else.
fn answer<S: Read + Write>(mut stream: S, reply: Reply, requests: &AtomicUsize) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    requests.fetch_add(1, Ordering::SeqCst);
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    let file = tiny_files(0).into_iter().find(|(name, _)| format!("{name}.gz") == path);
    let mut body = file.map(|(_, bytes)| gzip(&bytes)).unwrap_or_default();
    let length = format!("Content-Length: {}\r\n", body.len());
    let ok = |lines: &str| format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{lines}\r\n");
    let head = match reply {
        Reply::Good | Reply::Short | Reply::Stalled => ok(&length),
        Reply::Damaged => {
            body[20] ^= 1;
            ok(&length)
        }
        Reply::Endless | Reply::ShortUnannounced => ok(""),
        Reply::EndlessHeader => "HTTP/1.1 200 OK\r\n".to_owned(),
        Reply::NotFound => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
        Reply::Silent => String::new(),
    };
    let _ = stream.write_all(head.as_bytes());
    let mut until_left = |bytes: &[u8]| while stream.write_all(bytes).is_ok() {};
    let _ = match reply {
        Reply::Damaged | Reply::Good => stream.write_all(&body),
        Reply::Short | Reply::ShortUnannounced => stream.write_all(&body[..body.len() / 2]),
        Reply::Stalled => stream.write_all(&body[..1]).map(|()| thread::sleep(Duration::from_secs(30))),
        Reply::Silent => return thread::sleep(Duration::from_secs(30)),
        Reply::Endless => return until_left(&[7; 1 << 16]),
        Reply::EndlessHeader => return until_left(b"X-More: of the same\r\n"),
        Reply::NotFound => Ok(()),
    };
    let _ = stream.flush();
}
