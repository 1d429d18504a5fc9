// SPDX-License-Identifier: GPL-2.0-or-later
//
// An HTTP client for a static Go binary: no C library that something could be preloaded into. Go
// connects a non-blocking socket, then adds it to the runtime's epoll instance, edge-triggered.
//
//	client URL
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func main() {
	request, err := http.NewRequest("GET", os.Args[1], nil)
	if err != nil {
		fail(err)
	}
	peer := ""
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
		peer = info.Conn.RemoteAddr().String()
	}}
	response, err := http.DefaultClient.Do(
		request.WithContext(httptrace.WithClientTrace(request.Context(), trace)))
	if err != nil {
		fail(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		fail(err)
	}
	fmt.Println("peer", peer)
}
