//! A network with a delay. Bytes come out after a fixed time and in order, and their number does not
//! change that time.

use std::{
    io::Result,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant as Wall},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

/// A proxy in front of a server on this machine.
pub struct Wire {
    pub port: u16,
    door: JoinHandle<()>,
    trips: Arc<AtomicUsize>,
}

/// Bytes under way. A parcel without bytes closes its direction.
struct Parcel {
    due: Wall,
    bytes: Vec<u8>,
    to: UnboundedSender<Vec<u8>>,
}

/// One direction of one connection.
struct Way {
    delay: Duration,
    road: mpsc::Sender<Parcel>,
    /// True if the last bytes came from the client. Both directions of a connection share it.
    asks: Arc<AtomicBool>,
    trips: Arc<AtomicUsize>,
    is_request: bool,
}

impl Wire {
    pub async fn before(server: u16, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let trips = Arc::new(AtomicUsize::new(0));
        let (road, parcels) = mpsc::channel();
        thread::spawn(move || carry(&parcels));
        let counted = trips.clone();
        let door = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                client.set_nodelay(true).unwrap();
                server.set_nodelay(true).unwrap();
                let (asks, (client, to_client)) = (Arc::default(), client.into_split());
                let (server, to_server) = server.into_split();
                for (from, to, is_request) in
                    [(client, to_server, true), (server, to_client, false)]
                {
                    let (road, asks, trips) = (road.clone(), Arc::clone(&asks), counted.clone());
                    let way = Way { asks, delay, is_request, road, trips };
                    let (sender, receiver) = unbounded_channel();
                    tokio::spawn(way.listen(from, sender));
                    tokio::spawn(hand_over(receiver, to));
                }
            }
        });
        Self { door, port, trips }
    }

    /// Returns the number of round trips since the last call. A round trip is a turn of the client
    /// that an answer ends.
    pub fn trips(&self) -> usize {
        self.trips.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.door.abort();
    }
}

impl Way {
    async fn listen(self, mut from: OwnedReadHalf, to: UnboundedSender<Vec<u8>>) {
        let mut buffer = vec![0; 65_536];
        loop {
            let read = from.read(&mut buffer).await.unwrap_or(0);
            let due = Wall::now() + self.delay;
            if self.asks.swap(self.is_request, Ordering::Relaxed) != self.is_request
                && self.is_request
                && read > 0
            {
                self.trips.fetch_add(1, Ordering::Relaxed);
            }
            let bytes = buffer.iter().take(read).copied().collect();
            if self.road.send(Parcel { bytes, due, to: to.clone() }).is_err() || read == 0 {
                return;
            }
        }
    }
}

/// Passes each parcel on when it is due. Each parcel takes the same time, so parcels are due in the
/// order in which they came. A thread does this because tokio's timers count whole milliseconds.
fn carry(parcels: &mpsc::Receiver<Parcel>) {
    for parcel in parcels {
        thread::sleep(parcel.due.saturating_duration_since(Wall::now()));
        let _ = parcel.to.send(parcel.bytes);
    }
}

async fn hand_over(mut parcels: UnboundedReceiver<Vec<u8>>, mut to: OwnedWriteHalf) -> Result<()> {
    while let Some(bytes) = parcels.recv().await {
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        to.write_all(&bytes).await?;
    }
    Ok(())
}
