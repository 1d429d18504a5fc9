# SPDX-License-Identifier: GPL-2.0-or-later
#
# Says one line to a TCP server with Ruby's Socket.tcp and prints the answer. With a time-out Ruby
# connects a non-blocking socket, waits, and calls connect(2) once more to learn how it went.
#
#	line.rb ADDRESS PORT
require 'socket'

begin
  Socket.tcp(ARGV[0], ARGV[1], connect_timeout: 20) do |socket|
    puts "peer #{socket.remote_address.inspect_sockaddr}"
    socket.puts 'hello'
    print socket.read
  end
rescue SystemCallError => error
  abort error.message
end
