package bitcoind

import "net/http"

// Through lets the source ask t instead of the network.
func (s *Source) Through(t http.RoundTripper) { s.client.Transport = t }
