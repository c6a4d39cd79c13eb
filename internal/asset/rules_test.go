//go:build !race

package asset

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	btcwire "github.com/btcsuite/btcd/wire/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/bolt11"
	"github.com/leyden-ln/leyden/bolt/omni"
)

// script is an address's, by a name of one letter and its kind: lower case is P2SH, upper
// case P2PKH.
func script(name string) []byte {
	f := bolt11.Fallback{Version: bolt11.ScriptHash, Program: make([]byte, 20)}
	if name == strings.ToUpper(name) {
		f.Version = bolt11.PubKeyHash
	}
	copy(f.Program, name)
	return f.Script()
}

func addr(name string) string {
	f, _ := bolt11.FallbackOf(script(name))
	return f.Address(bolt11.Regtest)
}

// tx is a transaction with a payload, then outputs to these names.
func tx(payload []byte, to ...string) *btcwire.MsgTx {
	scripts := [][]byte{omni.Script(payload)}
	for _, name := range to {
		scripts = append(scripts, script(name))
	}
	return raw(scripts...)
}

func raw(scripts ...[]byte) *btcwire.MsgTx {
	out := btcwire.NewMsgTx(2)
	out.AddTxIn(&btcwire.TxIn{})
	for _, s := range scripts {
		out.AddTxOut(&btcwire.TxOut{Value: 546, PkScript: s})
	}
	return out
}

// own is regtest without Exodus, where a has OMN and TOMN.
func own() *Params {
	p := Regtest()
	p.Exodus = ""
	p.Start = []Balance{{Key{addr("a"), OMN}, 1_000}, {Key{addr("a"), TOMN}, 1_000}}
	return p
}

// world is a state with the transactions of one block a step.
type world struct {
	t testing.TB
	*State
	height uint32
	time   int64
	blocks []Changes
}

func start(t testing.TB, p *Params) *world {
	return &world{t: t, State: NewState(p), height: 100, time: 1_000_000}
}

// do runs a transaction from a name, in a block of its own.
func (w *world) do(from string, payload []byte, to ...string) Outcome {
	w.t.Helper()
	w.height++
	w.time += 600
	w.Begin(w.height, w.time)
	out, ok := w.Execute(tx(payload, to...), script(from))
	if !ok {
		w.t.Fatal("no transaction of Omni's")
	}
	w.blocks = append(w.blocks, w.End())
	return out
}

func (w *world) must(from string, payload []byte, to ...string) Outcome {
	w.t.Helper()
	out := w.do(from, payload, to...)
	if out.Err != nil || out.Alarm != "" {
		w.t.Fatalf("%v %q", out.Err, out.Alarm)
	}
	return out
}

func (w *world) refuses(err error, from string, payload []byte, to ...string) {
	w.t.Helper()
	before := w.Balances()
	if out := w.do(from, payload, to...); !errors.Is(out.Err, err) {
		w.t.Errorf("%v, want %v", out.Err, err)
	}
	if diff := cmp.Diff(before, w.Balances()); diff != "" {
		w.t.Error(diff)
	}
}

// has compares the balances of a property, and that nobody else has any.
func (w *world) has(id amount.Property, want map[string]amount.Units) {
	w.t.Helper()
	got := map[string]amount.Units{}
	var total amount.Units
	for k, u := range w.Balances() {
		if k.Property == id {
			got[k.Address] = u
			total += u
		}
	}
	named := map[string]amount.Units{}
	for name, u := range want {
		named[addr(name)] = u
	}
	if diff := cmp.Diff(named, got); diff != "" {
		w.t.Errorf("property %d (-want +got):\n%s", id, diff)
	}
	if total != w.Total(id) {
		w.t.Errorf("property %d has %d units, and its total is %d", id, total, w.Total(id))
	}
}

func enc(t testing.TB) func(b []byte, err error) []byte {
	return func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

// pay builds a payload by hand.
func pay(version, typ uint16, fields ...any) []byte {
	b := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, version), typ)
	for _, f := range fields {
		switch f := f.(type) {
		case amount.Property:
			b = binary.BigEndian.AppendUint32(b, uint32(f))
		case uint64:
			b = binary.BigEndian.AppendUint64(b, f)
		case uint8:
			b = append(b, f)
		case []byte:
			b = append(b, f...)
		}
	}
	return b
}

const first amount.Property = 0x80000003

// issued is a world in which a has 1000 units of the first property for tests.
func issued(t testing.TB) *world {
	w := start(t, own())
	w.must("a", enc(t)(IssueFixed(true, false, About{Name: "Test"}, 1000)))
	w.has(first, map[string]amount.Units{"a": 1000})
	return w
}

func TestIssuancesThatAreNotValidAreNotWritten(t *testing.T) {
	for name, err := range map[string]error{
		"no name": second(IssueFixed(true, true, About{}, 1)),
		"a zero":  second(IssueManaged(true, true, About{Name: "a\x00b"})),
		"long":    second(IssueManaged(true, true, About{Name: strings.Repeat("a", 256)})),
	} {
		if !errors.Is(err, omni.ErrEncode) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }

func TestPayloadIsGatheredFromAllMarkedPushes(t *testing.T) {
	payload := enc(t)(omni.SimpleSend(2, 10_000_000))
	marked := func(pushes ...[]byte) []byte {
		out := []byte{0x6a}
		for _, p := range pushes {
			out = append(append(out, byte(len(p))), p...)
		}
		return out
	}
	whole := append([]byte("omni"), payload...)
	for name, c := range map[string]struct {
		tx   *btcwire.MsgTx
		want []byte
	}{
		"one push":               {raw(omni.Script(payload)), payload},
		"several pushes":         {raw(marked(whole[:7], whole[7:9], whole[9:])), payload},
		"several outputs":        {raw(marked(whole[:7]), script("b"), marked(append([]byte("omni"), whole[7:]...))), payload},
		"an empty push between":  {raw(marked(whole[:7], nil, whole[7:])), payload},
		"a number between":       {raw(append(marked(whole[:7]), append([]byte{0x51}, marked(whole[7:])[1:]...)...)), payload},
		"unmarked is ignored":    {raw(marked([]byte("other")), omni.Script(payload)), payload},
		"PUSHDATA1":              {raw(append([]byte{0x6a, 0x4c, byte(len(whole))}, whole...)), payload},
		"PUSHDATA2":              {raw(append([]byte{0x6a, 0x4d, byte(len(whole)), 0}, whole...)), payload},
		"PUSHDATA4":              {raw(append([]byte{0x6a, 0x4e, byte(len(whole)), 0, 0, 0}, whole...)), payload},
		"marker in second push":  {raw(marked([]byte("x"), whole)), nil},
		"first push is empty":    {raw(marked(nil, whole)), nil},
		"push ends too early":    {raw([]byte{0x6a, 20, 'o', 'm', 'n', 'i'}), nil},
		"huge push ends early":   {raw([]byte{0x6a, 0x4e, 0xff, 0xff, 0xff, 0xff, 'o', 'm', 'n', 'i'}), nil},
		"not only pushes":        {raw(append(omni.Script(payload), 0xac)), nil},
		"no OP_RETURN":           {raw(marked(whole)[1:]), nil},
		"marker in capitals":     {raw(marked([]byte("OMNI"), payload)), nil},
		"the longest payload":    {raw(omni.Script(make([]byte, 7905))), make([]byte, 7905)},
		"longer than is read":    {raw(omni.Script(make([]byte, 9000))), make([]byte, 7905)},
		"longer, two outputs":    {raw(omni.Script(make([]byte, 7000)), omni.Script(make([]byte, 7000))), make([]byte, 7905)},
		"marker and nothing":     {raw(marked([]byte("omni"))), []byte{}},
		"PUSHDATA1, no length":   {raw([]byte{0x6a, 0x4c}), nil},
		"a script of one opcode": {raw([]byte{0x6a}), nil},
	} {
		m, ok := own().Read(200, c.tx, script("a"))
		if ok != (c.want != nil) || string(m.Payload) != string(c.want) {
			t.Errorf("%s: %v, %d bytes", name, ok, len(m.Payload))
		}
	}
}

func TestOnlySomeAddressesSend(t *testing.T) {
	witness := func(version byte, size int) []byte {
		return bolt11.Fallback{Version: version, Program: make([]byte, size)}.Script()
	}
	for _, c := range []struct {
		name   string
		params *Params
		height uint32
		spent  []byte
		ok     bool
	}{
		{"P2PKH", Mainnet(), 395_000, script("A"), true},
		{"before class C", Mainnet(), 394_999, script("A"), false},
		{"P2SH", Mainnet(), 395_000, script("a"), true},
		{"P2WPKH on mainnet", Mainnet(), 900_000, witness(0, 20), false},
		{"P2WPKH once Omni Core's placeholder is reached", Mainnet(), 999_999, witness(0, 20), true},
		{"P2TR on mainnet", Mainnet(), 900_000, witness(1, 32), false},
		{"P2WPKH", Regtest(), 101, witness(0, 20), true},
		{"P2WSH", Testnet(), 263_000, witness(0, 32), true},
		{"P2TR", Regtest(), 101, witness(1, 32), true},
		{"P2A", Regtest(), 101, []byte{0x51, 2, 0x4e, 0x73}, false},
		{"a later witness", Regtest(), 101, witness(2, 32), false},
		{"P2PK", Regtest(), 101, append(append([]byte{33}, make([]byte, 33)...), 0xac), false},
		{"before Omni's first block", Regtest(), 100, script("a"), false},
		{"a coinbase", Regtest(), 101, nil, false},
	} {
		if _, ok := c.params.Read(c.height, tx([]byte{0, 0, 0, 0}, "b"), c.spent); ok != c.ok {
			t.Errorf("%s: %v", c.name, ok)
		}
	}
}

func TestReferenceIsTheLastOutputThatIsNotChange(t *testing.T) {
	for outputs, want := range map[string]string{
		"": "", "b": "b", "a": "a", "ab": "b", "ba": "b", "bc": "c", "bca": "c", "abc": "c", "aa": "a", "aba": "a", "baa": "a",
	} {
		m, ok := own().Read(101, tx(nil, strings.Split(outputs, "")...), script("a"))
		if outputs == "" {
			m, ok = own().Read(101, tx(nil), script("a"))
		}
		if w := ""; !ok || want != "" && m.Reference != addr(want) || want == "" && m.Reference != w {
			t.Errorf("outputs %q from a: %s", outputs, m.Reference)
		}
	}
	// What cannot receive is not counted: an anchor, a bare multisig, Exodus.
	p := Regtest()
	anchor := []byte{0x51, 2, 0x4e, 0x73}
	exodus := bolt11.Fallback{Version: bolt11.PubKeyHash, Program: unhex(t, "643ce12b1590633077b8620316f43a9362ef18e5")}
	if exodus.Address(bolt11.Regtest) != p.Exodus {
		t.Fatal(exodus.Address(bolt11.Regtest))
	}
	m, _ := p.Read(101, raw(omni.Script(nil), script("b"), anchor, exodus.Script()), script("a"))
	if diff := cmp.Diff(map[int]string{1: addr("b")}, m.Outputs); m.Reference != addr("b") || diff != "" {
		t.Error(m.Reference, diff)
	}
}

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
