//! Noticing that a client is gone while its query runs.
//!
//! While a query computes, nobody reads from the socket: a client that was killed would be noticed
//! at the first row it does not take, which may be minutes away. The kernel knows earlier.

use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::TcpStream;

/// Pause between two looks.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// The socket, and what ends when its client has closed it.
///
/// # Errors
/// The system has no descriptor for a second handle.
pub(super) fn gone(socket: TcpStream) -> io::Result<(TcpStream, impl Future<Output = ()>)> {
    let socket = socket.into_std()?;
    let second = TcpStream::from_std(socket.try_clone()?)?;
    let socket = TcpStream::from_std(socket)?;
    let gone = async move {
        loop {
            match second.ready(Interest::READABLE).await {
                // What the client sent before it closed may still have to be answered, but not by
                // a client that cannot read the answer.
                Ok(ready) if ready.is_read_closed() => break,
                Ok(_) => {
                    // Something is there to read, and is somebody else's to read.
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_) => break,
            }
        }
        // Time for the other side of this race to read a goodbye and end in good order.
        tokio::time::sleep(PAUSE).await;
    };
    Ok((socket, gone))
}
