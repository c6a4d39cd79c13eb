package wire

import (
	"encoding/binary"
	"fmt"
)

// kind is a message type: its number, its name in the BOLTs, and a new value of it.
type kind struct {
	number uint16
	name   string
	make   func() fielded
}

// fielded is a message that lists its fields.
type fielded interface {
	Message
	fields(c *codec)
}

// kinds are the messages of BOLT 1, 2 and 7 by number.
var kinds = []kind{
	{1, "warning", func() fielded { return new(Warning) }},
	{7, "peer_storage", func() fielded { return new(PeerStorage) }},
	{9, "peer_storage_retrieval", func() fielded { return new(PeerStorageRetrieval) }},
	{16, "init", func() fielded { return new(Init) }},
	{17, "error", func() fielded { return new(Error) }},
	{18, "ping", func() fielded { return new(Ping) }},
	{19, "pong", func() fielded { return new(Pong) }},
	{32, "open_channel", func() fielded { return new(OpenChannel) }},
	{33, "accept_channel", func() fielded { return new(AcceptChannel) }},
	{34, "funding_created", func() fielded { return new(FundingCreated) }},
	{35, "funding_signed", func() fielded { return new(FundingSigned) }},
	{36, "channel_ready", func() fielded { return new(ChannelReady) }},
	{38, "shutdown", func() fielded { return new(Shutdown) }},
	{39, "closing_signed", func() fielded { return new(ClosingSigned) }},
	{40, "closing_complete", func() fielded { return new(ClosingComplete) }},
	{41, "closing_sig", func() fielded { return new(ClosingSig) }},
	{128, "update_add_htlc", func() fielded { return new(UpdateAddHTLC) }},
	{130, "update_fulfill_htlc", func() fielded { return new(UpdateFulfillHTLC) }},
	{131, "update_fail_htlc", func() fielded { return new(UpdateFailHTLC) }},
	{132, "commitment_signed", func() fielded { return new(CommitmentSigned) }},
	{133, "revoke_and_ack", func() fielded { return new(RevokeAndAck) }},
	{134, "update_fee", func() fielded { return new(UpdateFee) }},
	{135, "update_fail_malformed_htlc", func() fielded { return new(UpdateFailMalformedHTLC) }},
	{136, "channel_reestablish", func() fielded { return new(ChannelReestablish) }},
	{256, "channel_announcement", func() fielded { return new(ChannelAnnouncement) }},
	{257, "node_announcement", func() fielded { return new(NodeAnnouncement) }},
	{258, "channel_update", func() fielded { return new(ChannelUpdate) }},
	{259, "announcement_signatures", func() fielded { return new(AnnouncementSignatures) }},
	{261, "query_short_channel_ids", func() fielded { return new(QueryShortChannelIDs) }},
	{262, "reply_short_channel_ids_end", func() fielded { return new(ReplyShortChannelIDsEnd) }},
	{263, "query_channel_range", func() fielded { return new(QueryChannelRange) }},
	{264, "reply_channel_range", func() fielded { return new(ReplyChannelRange) }},
	{265, "gossip_timestamp_filter", func() fielded { return new(GossipTimestampFilter) }},
}

var byNumber = func() map[uint16]kind {
	m := make(map[uint16]kind, len(kinds))
	for _, k := range kinds {
		m[k.number] = k
	}
	return m
}()

// Type implements [Message], as do the methods below.
func (*Warning) Type() uint16                 { return 1 }
func (*PeerStorage) Type() uint16             { return 7 }
func (*PeerStorageRetrieval) Type() uint16    { return 9 }
func (*Init) Type() uint16                    { return 16 }
func (*Error) Type() uint16                   { return 17 }
func (*Ping) Type() uint16                    { return 18 }
func (*Pong) Type() uint16                    { return 19 }
func (*OpenChannel) Type() uint16             { return 32 }
func (*AcceptChannel) Type() uint16           { return 33 }
func (*FundingCreated) Type() uint16          { return 34 }
func (*FundingSigned) Type() uint16           { return 35 }
func (*ChannelReady) Type() uint16            { return 36 }
func (*Shutdown) Type() uint16                { return 38 }
func (*ClosingSigned) Type() uint16           { return 39 }
func (*ClosingComplete) Type() uint16         { return 40 }
func (*ClosingSig) Type() uint16              { return 41 }
func (*UpdateAddHTLC) Type() uint16           { return 128 }
func (*UpdateFulfillHTLC) Type() uint16       { return 130 }
func (*UpdateFailHTLC) Type() uint16          { return 131 }
func (*CommitmentSigned) Type() uint16        { return 132 }
func (*RevokeAndAck) Type() uint16            { return 133 }
func (*UpdateFee) Type() uint16               { return 134 }
func (*UpdateFailMalformedHTLC) Type() uint16 { return 135 }
func (*ChannelReestablish) Type() uint16      { return 136 }
func (*ChannelAnnouncement) Type() uint16     { return 256 }
func (*NodeAnnouncement) Type() uint16        { return 257 }
func (*ChannelUpdate) Type() uint16           { return 258 }
func (*AnnouncementSignatures) Type() uint16  { return 259 }
func (*QueryShortChannelIDs) Type() uint16    { return 261 }
func (*ReplyShortChannelIDsEnd) Type() uint16 { return 262 }
func (*QueryChannelRange) Type() uint16       { return 263 }
func (*ReplyChannelRange) Type() uint16       { return 264 }
func (*GossipTimestampFilter) Type() uint16   { return 265 }

// Type is the number that the message came with.
func (m *Unknown) Type() uint16 { return m.MsgType }

// Name is the message's name in the BOLTs, such as "update_add_htlc".
func Name(m Message) string {
	if k, ok := byNumber[m.Type()]; ok {
		return k.name
	}
	if k, ok := assetKinds[m.Type()]; ok {
		return k.name
	}
	return fmt.Sprintf("unknown_%d", m.Type())
}

// Fields prints a message's fields in order, for traces.
func Fields(m Message) []Field {
	c := codec{mode: printing}
	m.(fielded).fields(&c)
	return c.out
}

// AppendMessage appends a message: its type and its fields. Errors: [ErrTooLong],
// and an Extra that is not a TLV stream.
func AppendMessage(b []byte, m Message) ([]byte, error) {
	c := codec{mode: writing, buf: binary.BigEndian.AppendUint16(b, m.Type())}
	m.(fielded).fields(&c)
	if c.err == nil && len(c.buf)-len(b) > MaxPayload {
		c.err = ErrTooLong
	}
	if c.err != nil {
		return b, fmt.Errorf("%s: %w", Name(m), c.err)
	}
	return c.buf, nil
}

// Encode is [AppendMessage] for a message that we made and that is therefore
// within its limits. It panics when it is not.
func Encode(m Message) []byte {
	b, err := AppendMessage(nil, m)
	if err != nil {
		panic(err)
	}
	return b
}

// Decode reads a message as it came from a peer. Bytes after the last field of a
// message without an extension are ignored, as BOLT 1 asks. Errors: [ErrShort],
// [ErrUnknownMandatory], [ErrPoint] and those of package tlv.
func Decode(b []byte) (Message, error) {
	if len(b) < 2 {
		return nil, ErrShort
	}
	number := binary.BigEndian.Uint16(b)
	var m fielded = &Unknown{MsgType: number}
	if k, ok := byNumber[number]; ok {
		m = k.make()
	}
	c := codec{mode: reading, buf: b[2:]}
	m.fields(&c)
	if c.err != nil {
		return nil, fmt.Errorf("%s: %w", Name(m), c.err)
	}
	return m, nil
}

// signedPart is what follows the signatures of a gossip message.
func signedPart(fields func(c *codec)) []byte {
	c := codec{mode: writing}
	fields(&c)
	return c.buf
}

// SignedPart is the bytes whose double SHA256 the four signatures sign (BOLT 7).
func (m *ChannelAnnouncement) SignedPart() []byte { return signedPart(m.signed) }

// SignedPart is the bytes whose double SHA256 the signature signs (BOLT 7).
func (m *NodeAnnouncement) SignedPart() []byte { return signedPart(m.signed) }

// SignedPart is the bytes whose double SHA256 the signature signs (BOLT 7).
func (m *ChannelUpdate) SignedPart() []byte { return signedPart(m.signed) }
