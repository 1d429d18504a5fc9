// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP client on java.nio whose channel is in the selector *before* it connects: one thread sits
// in select(), another registers the channel there and only then calls connect(). Netty's and many
// home-made event loops do this. For the kernel it is EPOLL_CTL_ADD, then connect(2), while a thread
// is in epoll_wait(2): the case in which a socket replaced at connect is lost to the program.
//
//	NioClient inet|default ADDRESS PORT PATH
//
// "inet" asks for an AF_INET socket; "default" takes what the JVM makes of itself: an AF_INET6
// socket that connects to ::ffff:a.b.c.d.
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.CancelledKeyException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

public final class NioClient {
	private final Selector selector;
	private final String request;
	/* Opened by the first event of our channel, which proves that epoll has the item. */
	private final CountDownLatch watched = new CountDownLatch(1);
	private final CompletableFuture<String> answer = new CompletableFuture<>();
	private final StringBuilder received = new StringBuilder();

	private NioClient(String host, String path) throws IOException {
		selector = Selector.open();
		request = "GET " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n";
	}

	public static void main(String[] args) {
		try {
			InetSocketAddress to = new InetSocketAddress(args[1], Integer.parseInt(args[2]));
			System.out.print(new NioClient(args[1], args[3]).get(args[0].equals("inet"), to));
		} catch (Exception e) {
			System.err.println(e.getCause() == null ? e : e.getCause());
			System.exit(1);
		}
		System.exit(0);
	}

	private String get(boolean inet, InetSocketAddress to) throws Exception {
		SocketChannel channel =
			inet ? SocketChannel.open(StandardProtocolFamily.INET) : SocketChannel.open();
		channel.configureBlocking(false);

		Thread loop = new Thread(this::loop, "selector");
		loop.setDaemon(true);
		loop.start();

		/*
		 * register() only queues; it is the selector's thread that adds the item, in its next
		 * select(). A TCP socket that was never connected is readable and hung up for epoll, so
		 * the item's presence shows at once: we connect after that, and not before.
		 */
		channel.register(selector, SelectionKey.OP_CONNECT);
		selector.wakeup();
		if (!watched.await(10, TimeUnit.SECONDS))
			throw new IOException("the selector never saw the channel");

		channel.connect(to);
		return answer.get(20, TimeUnit.SECONDS);
	}

	private void loop() {
		try {
			while (!answer.isDone()) {
				selector.select();
				for (SelectionKey key : selector.selectedKeys())
					ready(key, (SocketChannel) key.channel());
				selector.selectedKeys().clear();
			}
		} catch (ClosedChannelException | CancelledKeyException e) {
			/* connect() failed in the other thread, which has the better exception. */
		} catch (Exception e) {
			answer.completeExceptionally(e);
		}
	}

	private void ready(SelectionKey key, SocketChannel channel) throws IOException {
		if (key.isConnectable()) {
			watched.countDown();
			/* Until connect() was called, this is the hang-up of an unconnected socket. */
			if (!channel.isConnectionPending() || !channel.finishConnect())
				return;
			channel.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
			key.interestOps(SelectionKey.OP_READ);
			return;
		}

		ByteBuffer buffer = ByteBuffer.allocate(4096);
		if (channel.read(buffer) < 0) {
			InetSocketAddress peer = (InetSocketAddress) channel.getRemoteAddress();
			String text = received.toString();
			answer.complete(text.substring(text.indexOf("\r\n\r\n") + 4)
				+ "peer " + peer.getAddress().getHostAddress() + ":" + peer.getPort() + "\n");
			return;
		}
		received.append(StandardCharsets.US_ASCII.decode(buffer.flip()));
	}
}
