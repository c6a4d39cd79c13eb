// Package keeper keeps what brings a node back when its disk is gone, and what tells
// an old copy of its database from the newest one.
//
// The static backup ([backup.Backup]) is written anew at each start and whenever the
// set of channels has changed: to a file beside the database, and to the peers with
// whom we have channels (BOLT 1, "Peer storage"), which give it back whenever they
// connect. Channels that peers have only promised to fund are in the file alone. A channel's funding transaction is broadcast when the file has the channel.
// Peers' own backups are stored here for them.
//
// What is newer never gives way to what is older. A backup that knows of channels of
// which the database does not (another life of the node, before its disk was lost) is
// remembered ([Keeper.Found]), and every backup that is written has them too, until
// they are recovered.
//
// A database is old when one of these is newer, all of which follow it and never go
// before it, so that a crash between any two writes makes no good database look old:
//
//	channels.backup    its counter is drawn from the database, before it is written
//	peers' storage     the same
//	leyden.mark        how often the node was started, and how many steps its channels
//	                   have made, as the database had them a little before
//
// and a copy that was made by [store.Store.Copy] says so itself. An old database is
// refused at start ([OldError]): the state of its channels may be one that was revoked,
// for which the peer may take all of the money. With Config.Lost it is taken, and
// every channel counts as lost.
package keeper
