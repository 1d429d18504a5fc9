// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP client on tokio, which connects a non-blocking socket and then adds it to epoll,
// edge-triggered.
//
//	tokio-client ADDRESS PORT PATH
use std::{env, io, process};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn get(host: &str, port: &str, path: &str) -> io::Result<()> {
	let mut stream = TcpStream::connect(format!("{host}:{port}")).await?;
	println!("peer {}", stream.peer_addr()?);

	let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
	stream.write_all(request.as_bytes()).await?;
	let mut answer = String::new();
	stream.read_to_string(&mut answer).await?;
	print!("{}", answer.split_once("\r\n\r\n").map_or("", |(_, body)| body));
	Ok(())
}

fn main() -> io::Result<()> {
	let words: Vec<String> = env::args().collect();
	let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
	if let Err(error) = runtime.block_on(get(&words[1], &words[2], &words[3])) {
		eprintln!("{error}");
		process::exit(1);
	}
	Ok(())
}
