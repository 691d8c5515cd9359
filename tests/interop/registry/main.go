// The registry of go-containerregistry on a port of loopback, with or without the referrers API. It keeps everything in memory.
package main

import (
	"flag"
	"io"
	"log"
	"net/http"

	"github.com/google/go-containerregistry/pkg/registry"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "host and port to listen on")
	referrers := flag.Bool("referrers", true, "serve the referrers API of the distribution specification 1.1")
	flag.Parse()

	handler := registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(*referrers))
	log.Fatal(http.ListenAndServe(*address, handler))
}
