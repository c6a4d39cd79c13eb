// Package inbound says which of our channels an invoice names, and how much can reach us
// then. It is pure: our channels as they look from outside go in.
//
//	in := inbound.Of(ways, inbound.Exposure{})
//	request.Hints = in.Hints
//
// Channels with tokens are never announced, so an invoice in an asset names them all, as
// far as there is room. No channel counts for both kinds of invoices.
package inbound
