// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP client on Boost.Asio, which adds a socket to epoll, edge-triggered, when it is opened: before
// connect(2), and while another thread sits in epoll_wait(2).
//
//	asio-client ADDRESS PORT PATH
#include <boost/asio.hpp>

#include <exception>
#include <iostream>
#include <string>
#include <thread>

namespace asio = boost::asio;
using asio::ip::tcp;

static std::string get(asio::io_context &loop, const tcp::endpoint &server, const std::string &path)
{
	tcp::socket socket(loop);
	socket.async_connect(server, asio::use_future).get();
	std::cout << "peer " << socket.remote_endpoint() << "\n";

	const std::string request = "GET " + path + " HTTP/1.1\r\nHost: " + server.address().to_string() +
		"\r\nConnection: close\r\n\r\n";
	asio::async_write(socket, asio::buffer(request), asio::use_future).get();

	/* The server closes: read() ends with "end of file", which is no error here. */
	std::string answer;
	boost::system::error_code end;
	asio::read(socket, asio::dynamic_buffer(answer), end);
	if (end != asio::error::eof)
		throw boost::system::system_error(end);
	return answer.substr(answer.find("\r\n\r\n") + 4);
}

int main(int, char **argv)
{
	asio::io_context loop;
	auto work = asio::make_work_guard(loop);
	std::thread waiting([&loop] { loop.run(); });
	int status = 0;

	try {
		tcp::endpoint server(asio::ip::make_address(argv[1]), std::stoi(argv[2]));
		std::cout << get(loop, server, argv[3]);
	} catch (const std::exception &e) {
		std::cerr << e.what() << "\n";
		status = 1;
	}
	loop.stop();
	waiting.join();
	return status;
}
