// SPDX-License-Identifier: GPL-2.0-or-later
//
// The plainest HTTP client of the Java library. The JVM makes an AF_INET6 socket and connects it to
// ::ffff:a.b.c.d, which the kernel takes for IPv4.
//
//	BlockingClient URL
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.URL;

public final class BlockingClient {
	public static void main(String[] args) {
		try {
			HttpURLConnection http = (HttpURLConnection) new URL(args[0]).openConnection();
			try (InputStream in = http.getInputStream()) {
				in.transferTo(System.out);
			}
		} catch (IOException e) {
			System.err.println(e);
			System.exit(1);
		}
	}
}
