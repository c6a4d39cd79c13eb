package wire

// ChannelOf is the channel that a message between two peers is about; all says that
// it is about every channel with the peer. Messages of openings and of gossip are
// about none.
func ChannelOf(m Message) (id ChannelID, all bool) {
	switch m := m.(type) {
	case *Error:
		return m.ChannelID, m.ChannelID == ChannelID{}
	case *Warning:
		return m.ChannelID, false
	case *ChannelReady:
		return m.ChannelID, false
	case *Shutdown:
		return m.ChannelID, false
	case *ClosingSigned:
		return m.ChannelID, false
	case *ClosingComplete:
		return m.ChannelID, false
	case *ClosingSig:
		return m.ChannelID, false
	case *UpdateAddHTLC:
		return m.ChannelID, false
	case *UpdateFulfillHTLC:
		return m.ChannelID, false
	case *UpdateFailHTLC:
		return m.ChannelID, false
	case *UpdateFailMalformedHTLC:
		return m.ChannelID, false
	case *CommitmentSigned:
		return m.ChannelID, false
	case *RevokeAndAck:
		return m.ChannelID, false
	case *UpdateFee:
		return m.ChannelID, false
	case *ChannelReestablish:
		return m.ChannelID, false
	case *AnnouncementSignatures:
		return m.ChannelID, false
	}
	return ChannelID{}, false
}

// Printable is a text of a peer's, made fit for a log or a screen.
//
// BOLT 1: "if `data` is not composed solely of printable ASCII characters"
func Printable(data []byte) string {
	const most = 500
	out := make([]byte, 0, min(len(data), most))
	for _, b := range data[:min(len(data), most)] {
		if b < ' ' || b > '~' {
			b = '?'
		}
		out = append(out, b)
	}
	return string(out)
}
