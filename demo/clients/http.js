// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP client for Node.js. libuv connects a non-blocking socket, then adds it to epoll.
//
//	http.js URL
const http = require('http');

http.get(process.argv[2], (response) => {
	console.log(`peer ${response.socket.remoteAddress}:${response.socket.remotePort}`);
	response.pipe(process.stdout);
}).on('error', (error) => {
	console.error(error.message);
	process.exitCode = 1;
});
