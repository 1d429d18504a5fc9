# SPDX-License-Identifier: GPL-2.0-or-later
#
# Says one line to a TCP server with perl's IO::Socket::INET and prints the answer.
#
#	line.pl ADDRESS PORT
use strict;
use warnings;
use IO::Socket::INET;

my $socket = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1], Proto => 'tcp')
	or die "connect to $ARGV[0] port $ARGV[1]: $!\n";
printf "peer %s:%d\n", $socket->peerhost, $socket->peerport;
$socket->print("hello\n");
print while <$socket>;
