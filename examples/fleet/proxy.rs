//! A plain proxy: one connection after the other to the next node that says it is ready.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{Options, Outcome};

struct Node {
    at: String,
    ready: AtomicBool,
}

pub async fn run(options: &Options) -> Outcome<()> {
    let nodes = options.nodes.split(',').map(|at| Node { at: at.to_owned(), ready: false.into() });
    let nodes: Arc<Vec<Node>> = Arc::new(nodes.collect());
    let listener = TcpListener::bind(&options.listen).await?;
    let (watched, next) = (nodes.clone(), Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move {
        loop {
            for node in watched.iter() {
                node.ready.store(is_ready(&node.at).await, Ordering::Relaxed);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    println!("proxy {}", options.listen);
    loop {
        let (client, _) = listener.accept().await?;
        let (nodes, next) = (nodes.clone(), next.clone());
        tokio::spawn(async move {
            let first = next.fetch_add(1, Ordering::Relaxed);
            let order = nodes.iter().cycle().skip(first % nodes.len()).take(nodes.len());
            for node in order.filter(|node| node.ready.load(Ordering::Relaxed)) {
                if let Ok(server) = TcpStream::connect(&node.at).await {
                    return forward(client, server).await;
                }
            }
            // Nobody is there: the client sees its connection closed, and tries again.
        });
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream) {
    // A connection that breaks is the client's to notice.
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

async fn is_ready(at: &str) -> bool {
    let ask = async {
        let mut node = TcpStream::connect(at).await.ok()?;
        let request =
            format!("GET /health/ready HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        node.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        node.read_to_string(&mut answer).await.ok()?;
        Some(answer.starts_with("HTTP/1.1 200"))
    };
    timeout(Duration::from_secs(2), ask).await.ok().flatten().unwrap_or(false)
}
