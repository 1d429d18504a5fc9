<?php
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Says one line to a TCP server with PHP's stream_socket_client() and prints the answer. PHP connects
// a non-blocking socket, waits in poll(2) and reads SO_ERROR.
//
//	line.php ADDRESS PORT

$socket = @stream_socket_client("tcp://$argv[1]:$argv[2]", $errno, $error);
if (!$socket) {
	fwrite(STDERR, "$error\n");
	exit(1);
}
echo "peer ", stream_socket_get_name($socket, true), "\n";
fwrite($socket, "hello\n");
echo stream_get_contents($socket);
