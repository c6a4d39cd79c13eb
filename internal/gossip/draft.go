package gossip

import (
	"context"

	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/graph"
)

// key names a gossip message of which the latest is kept.
type key struct {
	kind uint8
	scid wire.ShortChannelID
	node wire.NodeID
}

const (
	kindAnnouncement uint8 = iota
	kindUpdate             // of direction 0; the next one is of direction 1
	_
	kindNode
)

func announcementKey(scid wire.ShortChannelID) key { return key{kind: kindAnnouncement, scid: scid} }

func updateKey(u *wire.ChannelUpdate) key {
	return key{kind: kindUpdate + u.ChannelFlags&directionFlag, scid: u.ShortChannelID}
}

func nodeKey(id wire.NodeID) key { return key{kind: kindNode, node: id} }

// draft is a row that is not written yet, and what there is to tell once it is.
type draft struct {
	row  durable.Row
	tell []key
	from Peer // who told us; nil: nobody
}

// drafts are what was accepted and is not on disk yet. Many are written together:
// gossip costs one sync of the disk a second, not one a message.
type drafts struct {
	list    []draft
	raw     map[key][]byte
	writing map[key][]byte // the raw of those that are being written
}

// maxDrafts is how many rows may wait before whoever brings the next one waits
// for the disk.
const maxDrafts = 512

func newDrafts() drafts { return drafts{raw: map[key][]byte{}} }

func (d *drafts) add(n draft) {
	d.list = append(d.list, n)
	switch r := n.row.(type) {
	case graph.AnnouncementRow:
		d.raw[announcementKey(r.SCID)] = r.Raw
	case graph.UpdateRow:
		d.raw[key{kind: kindUpdate + r.Direction, scid: r.SCID}] = r.Raw
	case graph.NodeRow:
		d.raw[nodeKey(r.Node)] = r.Raw
	}
}

// find is a message that is not on disk yet; nil when there is none.
func (d *drafts) find(k key) []byte {
	if r, ok := d.raw[k]; ok {
		return r
	}
	return d.writing[k]
}

func (b *Book) full() bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.drafts.list) >= maxDrafts
}

// Save writes the drafts, as [Book.Tick] does: what is passed on afterwards is still
// known after a crash.
func (b *Book) Save(ctx context.Context) {
	b.writing.Lock()
	defer b.writing.Unlock()
	b.mu.Lock()
	list := b.drafts.list
	b.drafts = drafts{raw: map[key][]byte{}, writing: b.drafts.raw}
	b.mu.Unlock()
	if len(list) == 0 {
		return
	}
	rows := make([]durable.Row, len(list))
	for i := range list {
		rows[i] = list[i].row
	}
	if err := b.cfg.Store.Write(ctx, rows...); err != nil {
		if ctx.Err() == nil {
			b.cfg.Fatal(err)
		}
		b.keep(list)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drafts.writing = nil
	for i := range list {
		for _, k := range list[i].tell {
			b.news.Add(k, list[i].from, b.cfg.Now())
		}
	}
}

// keep takes drafts back that were not written, before those that came meanwhile: the
// last Save of a node that stops writes them.
func (b *Book) keep(list []draft) {
	b.mu.Lock()
	defer b.mu.Unlock()
	later := b.drafts.list
	b.drafts = newDrafts()
	for _, d := range append(list, later...) {
		b.drafts.add(d)
	}
}

// readChannel reads a channel's messages; nil for what is not there. The drafts
// come first: what has left them meanwhile is on disk.
func (b *Book) readChannel(ctx context.Context, scid wire.ShortChannelID) (announcement []byte, updates [2][]byte) {
	b.mu.RLock()
	draft := [...][]byte{
		b.drafts.find(announcementKey(scid)),
		b.drafts.find(key{kind: kindUpdate, scid: scid}), b.drafts.find(key{kind: kindUpdate + 1, scid: scid}),
	}
	b.mu.RUnlock()
	announcement, updates, err := b.cfg.Store.ChannelGossip(ctx, scid)
	if err != nil && ctx.Err() == nil {
		b.cfg.Log.Error("stored gossip cannot be read", "channel", scid, "why", err)
	}
	for i, stored := range []*[]byte{&announcement, &updates[0], &updates[1]} {
		if draft[i] != nil {
			*stored = draft[i]
		}
	}
	return announcement, updates
}

func (b *Book) readNode(ctx context.Context, id wire.NodeID) []byte {
	b.mu.RLock()
	draft := b.drafts.find(nodeKey(id))
	b.mu.RUnlock()
	if draft != nil {
		return draft
	}
	raw, err := b.cfg.Store.NodeGossip(ctx, id)
	if err != nil && ctx.Err() == nil {
		b.cfg.Log.Error("stored gossip cannot be read", "node", id, "why", err)
	}
	return raw
}

// read reads the messages of some keys, without those that are gone.
func (b *Book) read(ctx context.Context, keys []key) (out [][]byte) {
	for _, k := range keys {
		var raw []byte
		if k.kind == kindNode {
			raw = b.readNode(ctx, k.node)
		} else if a, u := b.readChannel(ctx, k.scid); k.kind == kindAnnouncement {
			raw = a
		} else {
			raw = u[k.kind-kindUpdate]
		}
		if raw != nil {
			out = append(out, raw)
		}
	}
	return out
}

// sendRaw sends messages as they came and returns how many bytes they are.
func (b *Book) sendRaw(p Peer, raw ...[]byte) (bytes int) {
	const number = 2 // bytes of the type
	msgs := make([]wire.Message, 0, len(raw))
	for _, r := range raw {
		if len(r) < number {
			continue
		}
		bytes += len(r)
		msgs = append(msgs, &wire.Unknown{MsgType: uint16(r[0])<<8 | uint16(r[1]), Payload: r[number:]})
	}
	if len(msgs) > 0 {
		b.tell(p, msgs...)
	}
	return bytes
}
