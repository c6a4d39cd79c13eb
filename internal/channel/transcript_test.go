//go:build !race

package channel

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/channel/dance"
	"github.com/leyden-ln/leyden/internal/durable"
)

var rewrite = flag.Bool("rewrite", false, "write the transcripts in testdata anew")

// Each file in testdata tells a story: commands, and under ---- what they
// showed. See the table of commands below.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(b))
			if *rewrite {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if got != string(b) {
				t.Errorf("the transcript has changed; it is now\n%s", got)
			}
		})
	}
}

// play runs the commands of a transcript and returns it with what they show.
func play(t *testing.T, text string) string {
	s := &stage{t: t, p: ready(t, usual())}
	for _, n := range []*node{s.p.a, s.p.b} {
		n.events, n.out = nil, nil
	}
	var out strings.Builder
	showing := false
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "----":
			showing = true
			fmt.Fprintf(&out, "----\n%s", s.shown.String())
			s.shown.Reset()
		case line == "":
			showing = false
			out.WriteString("\n")
		case showing:
		default:
			out.WriteString(line + "\n")
			if !strings.HasPrefix(line, "#") {
				s.command(strings.Fields(line))
			}
		}
	}
	return out.String()
}

type stage struct {
	t     *testing.T
	p     *pair
	shown strings.Builder
}

func (s *stage) show(format string, args ...any) { fmt.Fprintf(&s.shown, format+"\n", args...) }

func (s *stage) command(words []string) {
	number := func(i int) uint64 {
		v, err := strconv.ParseUint(words[i], 10, 64)
		if err != nil {
			s.t.Fatalf("%v: %v", words, err)
		}
		return v
	}
	var n *node
	if len(words) > 1 {
		n = map[string]*node{"a": s.p.a, "b": s.p.b}[words[1]]
	}
	var err error
	switch words[0] {
	case "offer": // NODE MSAT
		_, err = n.ch.Offer(s.p.add(amount.MilliSatoshi(number(2))))
	case "fulfill": // NODE ID
		h := n.ch.find(dance.Remote, number(2))
		err = n.ch.Fulfill(h.ID, s.p.preimages[h.PaymentHash])
	case "fail": // NODE ID
		err = n.ch.Fail(number(2), []byte("reason"))
	case "fee": // NODE PERKW
		err = n.ch.SetFee(uint32(number(2)))
	case "shutdown": // NODE
		err = n.ch.Shutdown(nil, 0)
	case "block": // NODE HEIGHT
		n.ch.Block(uint32(number(2)))
	case "take": // NODE
		s.take(n)
	case "deliver": // NODE [COUNT]: what is on its way to the node
		count := len(s.p.other(n).out)
		if len(words) > 2 {
			count = int(number(2))
		}
		for range count {
			s.p.deliver(n)
		}
		err, n.violated = n.violated, nil
	case "run": // until nothing moves
		for moved := true; moved; {
			moved = false
			for _, n := range []*node{s.p.a, s.p.b} {
				for len(s.p.other(n).out) > 0 {
					s.p.deliver(n)
				}
				moved = s.take(n) || moved
			}
		}
	case "cut":
		s.p.disconnect()
	case "connect":
		s.p.connect()
	case "restart": // NODE
		s.p.restart(n)
	case "show": // NODE
		v := n.ch.View()
		s.show("%s %s: %v and %v, %d in flight, commitments %v", n.name, v.State, v.ToLocal, v.ToRemote, len(v.HTLCs), v.NumberOfCommitments)
	default:
		s.t.Fatalf("unknown command %v", words)
	}
	if err != nil {
		s.show("! %v", err)
	}
}

// take shows rows, messages and events.
func (s *stage) take(n *node) bool {
	pending, err := n.ch.Take(n.signer)
	if err != nil {
		s.t.Fatal(err)
	}
	v, err := pending.Commit(context.Background(), &shownDisk{n.disk, s, n.name})
	if err != nil {
		s.t.Fatal(err)
	}
	s.p.reload(n)
	for _, m := range v.Send {
		s.show("%s > %s", n.name, brief(m))
	}
	for _, e := range v.Raise {
		s.show("%s ! %s", n.name, describe(e))
	}
	if v.Disconnect {
		s.show("%s disconnects", n.name)
	}
	n.out = append(n.out, v.Send...)
	for _, e := range v.Raise {
		if e, ok := e.(ClosedMutually); ok {
			n.tx = append(n.tx, e.Tx)
		}
	}
	return len(v.Send) > 0
}

// shownDisk shows what is written.
type shownDisk struct {
	*disk
	s    *stage
	name string
}

func (d *shownDisk) Write(ctx context.Context, rows ...durable.Row) error {
	var names []string
	for _, r := range rows {
		switch r := r.(type) {
		case StateRow:
			names = append(names, fmt.Sprintf("state %d/%d", r.Received, r.Signed))
		case HTLCRow:
			names = append(names, fmt.Sprintf("htlc %s%d added %v", way(r.Incoming), r.ID, r.Added))
		case HTLCStateRow:
			names = append(names, fmt.Sprintf("htlc %s%d added %v removed %v done %v", way(r.Incoming), r.ID, r.Added, r.Removed, r.Done))
		case durable.Event:
			names = append(names, "event "+r.State)
		default:
			names = append(names, r.Table())
		}
	}
	d.s.show("%s = %s", d.name, strings.Join(names, ", "))
	return d.disk.Write(ctx, rows...)
}

func way(incoming bool) string {
	if incoming {
		return "in "
	}
	return "out "
}

func brief(m wire.Message) string {
	name := wire.Name(m)
	switch m := m.(type) {
	case *wire.UpdateAddHTLC:
		return fmt.Sprintf("%s %d of %v", name, m.ID, m.AmountMsat)
	case *wire.UpdateFulfillHTLC:
		return fmt.Sprintf("%s %d", name, m.ID)
	case *wire.UpdateFailHTLC:
		return fmt.Sprintf("%s %d", name, m.ID)
	case *wire.UpdateFee:
		return fmt.Sprintf("%s %d", name, m.FeeratePerKw)
	case *wire.CommitmentSigned:
		return fmt.Sprintf("%s, %d HTLCs", name, len(m.HTLCSignatures))
	case *wire.ChannelReestablish:
		return fmt.Sprintf("%s: next commitment %d, next revocation %d", name, m.NextCommitmentNumber, m.NextRevocationNumber)
	case *wire.ClosingSigned:
		return fmt.Sprintf("%s: fee %v of %v to %v", name, m.FeeSatoshis, m.FeeRange.Min, m.FeeRange.Max)
	case *wire.Error:
		return fmt.Sprintf("%s %q", name, m.Data)
	case *wire.Warning:
		return fmt.Sprintf("%s %q", name, m.Data)
	}
	return name
}

func describe(e Event) string {
	switch e := e.(type) {
	case Incoming:
		return fmt.Sprintf("incoming %d of %v", e.Ref.ID, e.Amount)
	case Resolved:
		if e.Preimage != nil {
			return fmt.Sprintf("resolved %d by preimage", e.Out.ID)
		}
		return fmt.Sprintf("resolved %d by failure %q", e.Out.ID, e.Reason)
	case Unsent:
		return fmt.Sprintf("unsent attempt %d", e.Add.Origin.Attempt)
	case Settled:
		return fmt.Sprintf("settled %d", e.Ref.ID)
	case ClosedMutually:
		return fmt.Sprintf("closed with %d outputs", len(e.Tx.TxOut))
	}
	return fmt.Sprintf("%T%+v", e, e)
}
