// Package terms keeps at what terms each of our channels forwards: the node's, or its
// own where its owner has set them; and it says what feerate its commitments should have.
//
//	policy, older := book.Of(link, now)
//	err := book.Change(ctx, store, links, change, 10*time.Minute)
//
// What is set is on disk before it counts. The terms before hold beside the new ones
// for a while, since gossip needs time; those are in memory only.
package terms
