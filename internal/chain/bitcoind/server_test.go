package bitcoind_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/internal/chain"
	"github.com/leyden-ln/leyden/internal/chain/bitcoind"
)

// fake is a server without a network, so that time can be the test's.
type fake struct {
	answer func(method string, params []json.RawMessage) (any, error)
	auth   string // user:password; empty: any

	mu    sync.Mutex
	calls []string
}

var errAway = errors.New("connection refused")

func (f *fake) RoundTrip(r *http.Request) (*http.Response, error) {
	var q struct {
		Method string
		Params []json.RawMessage
	}
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.calls = append(f.calls, q.Method)
	f.mu.Unlock()
	respond := func(status int, body []byte) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
	}
	if user, password, _ := r.BasicAuth(); f.auth != "" && f.auth != user+":"+password {
		return respond(http.StatusUnauthorized, nil)
	}
	result, err := f.answer(q.Method, q.Params)
	var said *bitcoind.Error
	if err != nil && !errors.As(err, &said) {
		return nil, err
	}
	status := http.StatusOK
	if said != nil {
		status = http.StatusInternalServerError
	}
	body, err := json.Marshal(map[string]any{"result": result, "error": said, "id": 1})
	if err != nil {
		return nil, err
	}
	return respond(status, body)
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.calls)
}

// lines keeps the messages of a log.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, rest, _ := strings.Cut(string(b), `msg="`)
	msg, _, _ := strings.Cut(rest, `"`)
	l.all = append(l.all, msg)
	return len(b), nil
}

func (l *lines) list() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

func source(t *testing.T, f *fake, cfg bitcoind.Config) (*bitcoind.Source, *lines) {
	t.Helper()
	l := new(lines)
	cfg.URL, cfg.Log = "http://127.0.0.1:8332", slog.New(slog.NewTextHandler(l, nil))
	s, err := bitcoind.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.Through(f)
	return s, l
}

func known(blocks, headers int, downloading bool) map[string]any {
	return map[string]any{
		"chain": "main", "blocks": blocks, "headers": headers, "initialblockdownload": downloading,
		"bestblockhash": strings.Repeat("00", 31) + "ff",
	}
}

func TestALateServerIsWaitedForWithOneLineAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		f := &fake{answer: func(string, []json.RawMessage) (any, error) {
			n++
			switch {
			case n <= 5:
				return nil, errAway
			case n <= 10:
				return nil, &bitcoind.Error{Code: -28, Message: "Verifying blocks…"}
			case n <= 15:
				return known(n, 900_000, true), nil
			}
			return known(900_000, 900_000, false), nil
		}}
		s, log := source(t, f, bitcoind.Config{})
		if network, err := s.Ready(t.Context()); err != nil || network != "main" {
			t.Fatalf("ready on %q: %v", network, err)
		}
		want := []string{
			"bitcoind does not answer; waiting for it", "bitcoind is starting; waiting for it", "bitcoind is back",
			"bitcoind has not the whole chain; waiting for it", "bitcoind is back",
		}
		if got := log.list(); !slices.Equal(got, want) {
			t.Errorf("the log says %q", got)
		}
		if f.count() != 16 {
			t.Errorf("the server was asked %d times", f.count())
		}
	})
}

func TestAWrongPasswordIsSaidOnceAndWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fake{auth: "user:secret"}
		s, log := source(t, f, bitcoind.Config{User: "user", Password: "wrong"})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ready with a wrong password: %v", err)
		}
		if got := log.list(); len(got) != 1 {
			t.Errorf("the log says %q", got)
		}
	})
}

// A server that reindexes, or has lost its blocks, knows less than we have seen.
func TestBlocksThatAServerHasNotYetAreNotGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := chain.BlockRef{Height: 100, Hash: [32]byte{0xff}}
		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		f := &fake{answer: func(method string, _ []json.RawMessage) (any, error) {
			switch method {
			case "getblockheader":
				n++
				switch {
				case n < 10: // the index is made anew
					return nil, &bitcoind.Error{Code: -5, Message: "Block not found"}
				case n < 20: // the header is there; its block is not connected yet
					return map[string]any{"confirmations": -1, "previousblockhash": strings.Repeat("11", 32)}, nil
				}
				return map[string]any{"confirmations": 1, "previousblockhash": strings.Repeat("11", 32)}, nil
			case "getblockchaininfo":
				switch {
				case n < 5: // it was started with less than it had
					return known(n, n, false), nil
				case n < 10: // or downloads, on a branch that will not last
					return known(200, 900, true), nil
				}
				return known(min(80+n, 100), 100, n < 20), nil
			case "getblockhash":
				return nil, &bitcoind.Error{Code: -8, Message: "Block height out of range"}
			}
			cancel()
			return nil, errAway
		}}
		s, log := source(t, f, bitcoind.Config{})
		err := s.Follow(ctx, at, func(e chain.Event) error {
			t.Errorf("the reader was told %v", e)
			return nil
		})
		if !errors.Is(err, context.Canceled) || n < 20 {
			t.Errorf("follow ended after %d headers: %v", n, err)
		}
		want := []string{"bitcoind has not the whole chain; waiting for it", "bitcoind is back"}
		if got := log.list(); !slices.Equal(got, want) {
			t.Errorf("the log says %q", got)
		}
	})
}

func TestAShorterBranchWithMoreWorkIsFollowed(t *testing.T) {
	f := &fake{answer: func(method string, _ []json.RawMessage) (any, error) {
		if method == "getblockheader" {
			return map[string]any{"confirmations": -1, "previousblockhash": strings.Repeat("11", 32)}, nil
		}
		return known(99, 99, false), nil
	}}
	s, _ := source(t, f, bitcoind.Config{})
	prev, best, err := s.Parent(t.Context(), chain.BlockRef{Height: 100})
	if err != nil || best || prev != [32]byte(bytes.Repeat([]byte{0x11}, 32)) {
		t.Errorf("the block is in the best chain: %t; its parent is %s: %v", best, prev, err)
	}
}

func TestABlockThatTheServerHasForgottenIsUnknown(t *testing.T) {
	f := &fake{answer: func(method string, _ []json.RawMessage) (any, error) {
		if method == "getblockheader" {
			return nil, &bitcoind.Error{Code: -5, Message: "Block not found"}
		}
		return known(100, 100, false), nil
	}}
	s, _ := source(t, f, bitcoind.Config{})
	if _, _, err := s.Parent(t.Context(), chain.BlockRef{Height: 100}); !errors.Is(err, chain.ErrUnknownBlock) {
		t.Errorf("the block's parent: %v", err)
	}
}

func TestAServerThatAnswersAtOnceIsNotAskedWithoutAPause(t *testing.T) {
	for name, wait := range map[string]error{
		"answers":             nil,
		"refuses":             &bitcoind.Error{Code: -1, Message: "Shutting down"},
		"has no such command": &bitcoind.Error{Code: -32601, Message: "Method not found"},
		"is away":             errAway,
	} {
		synctest.Test(t, func(t *testing.T) {
			f := &fake{answer: func(method string, _ []json.RawMessage) (any, error) {
				if method == "waitforblockheight" {
					return map[string]any{}, wait
				}
				return known(100, 100, false), nil
			}}
			s, _ := source(t, f, bitcoind.Config{})
			tip, err := s.Tip(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := s.Changed(ctx, tip); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the tip changed: %v", err)
			}
			if n := f.count(); n > 4*60+4 {
				t.Errorf("a server that %s was asked %d times in a minute", name, n)
			}
		})
	}
}

func TestWhatAServerSaysOfATransaction(t *testing.T) {
	for words, want := range map[string]error{
		"-27 Transaction outputs already in utxo set": nil,
		"-26 txn-already-in-mempool":                  nil,
		"-26 txn-already-known":                       nil,
		"-25 bad-txns-inputs-missingorspent":          chain.ErrMissingInputs,
		"-25 Missing inputs":                          chain.ErrMissingInputs,
		"-26 min relay fee not met, 0 < 110":          chain.ErrFeeTooLow,
		"-26 mempool min fee not met, 110 < 500":      chain.ErrFeeTooLow,
		"-26 insufficient fee, rejecting replacement 00ff; new feerate 0.00001 BTC/kvB <= old feerate 0.0001": chain.ErrFeeTooLow,
		"-26 mempool full": chain.ErrFeeTooLow,
		"-26 mandatory-script-verify-flag-failed (Signature must be zero for failed CHECK(MULTI)SIG operation)": chain.ErrRejected,
		"-26 non-final":            chain.ErrRejected,
		"-26 txn-mempool-conflict": chain.ErrRejected,
		"-25 Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)": chain.ErrRejected,
	} {
		code, text, _ := strings.Cut(words, " ")
		var number int
		if err := json.Unmarshal([]byte(code), &number); err != nil {
			t.Fatal(err)
		}
		f := &fake{answer: func(string, []json.RawMessage) (any, error) {
			return nil, &bitcoind.Error{Code: number, Message: text}
		}}
		s, _ := source(t, f, bitcoind.Config{})
		err := s.Broadcast(t.Context(), btcwire.NewMsgTx(2))
		exact := want == nil && err == nil || want != nil && errors.Is(err, want) && errors.Is(err, chain.ErrRejected)
		if !exact || want == chain.ErrRejected && (errors.Is(err, chain.ErrFeeTooLow) || errors.Is(err, chain.ErrMissingInputs)) {
			t.Errorf("%q is %v, want %v", words, err, want)
		}
	}
}

func TestAServerThatIsAwayDoesNotReject(t *testing.T) {
	f := &fake{answer: func(string, []json.RawMessage) (any, error) { return nil, errAway }}
	s, _ := source(t, f, bitcoind.Config{})
	if err := s.Broadcast(t.Context(), btcwire.NewMsgTx(2)); err == nil || errors.Is(err, chain.ErrRejected) {
		t.Errorf("broadcast to nobody: %v", err)
	}
}

func TestTheFeerateHasAFloorAndADefault(t *testing.T) {
	for name, c := range map[string]struct {
		estimate, pool, relay string // bitcoin for 1000 virtual bytes
		configured, want      uint32
	}{
		"is the estimate, rounded up":        {"0.00010001", "0.00001000", "0.00001000", 0, 2501},
		"is what was configured":             {"", "0.00001000", "0.00001000", 700, 700},
		"is ours":                            {"", "0.00001000", "0.00001000", 0, chain.DefaultFeePerKw},
		"is what a full mempool takes":       {"0.00002000", "0.00030000", "0.00001000", 0, 7500},
		"is what the server relays":          {"0.00002000", "0.00000000", "0.00005000", 0, 1250},
		"is never below what others relay":   {"0.00000100", "0.00000100", "0.00000100", 0, chain.MinFeePerKw},
		"is bounded":                         {"20000000", "0.00001000", "0.00001000", 0, 1 << 31},
		"configured is not below the server": {"", "0.00030000", "0.00001000", 253, 7500},
	} {
		f := &fake{answer: func(method string, params []json.RawMessage) (any, error) {
			if method == "getmempoolinfo" {
				return map[string]any{"mempoolminfee": json.Number(c.pool), "minrelaytxfee": json.Number(c.relay)}, nil
			}
			if string(params[0]) != "6" {
				t.Errorf("asked for %s blocks", params[0])
			}
			if c.estimate == "" {
				return map[string]any{"errors": []string{"Insufficient data or no feerate found"}, "blocks": 6}, nil
			}
			return map[string]any{"feerate": json.Number(c.estimate), "blocks": 6}, nil
		}}
		s, _ := source(t, f, bitcoind.Config{FeePerKw: c.configured})
		if got, err := s.FeeRate(t.Context(), 6); err != nil || got != c.want {
			t.Errorf("the feerate that %s: %d, %v", name, got, err)
		}
	}
}

func TestTheCookieIsReadWhenItIsThereAndWhenItChanges(t *testing.T) {
	cookie := filepath.Join(t.TempDir(), ".cookie")
	f := &fake{auth: "__cookie__:1", answer: func(string, []json.RawMessage) (any, error) { return known(1, 1, false), nil }}
	s, _ := source(t, f, bitcoind.Config{Cookie: cookie})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if _, err := s.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ready without a cookie: %v", err)
		}
	})
	for _, auth := range []string{"__cookie__:1", "__cookie__:2"} {
		f.auth = auth
		if err := os.WriteFile(cookie, []byte(auth+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAPackageIsOneWhereTheServerTakesIt(t *testing.T) {
	parent, child := btcwire.NewMsgTx(2), btcwire.NewMsgTx(3)
	result := func(message string, of map[*btcwire.MsgTx]string) any {
		txs := map[string]any{}
		for tx, words := range of {
			txs[tx.WitnessHash().String()] = map[string]any{"txid": tx.TxID(), "error": words}
		}
		return map[string]any{"package_msg": message, "tx-results": txs}
	}
	for name, c := range map[string]struct {
		result any
		err    error // of submitpackage
		alone  error // of each transaction
		want   error
		calls  int
	}{
		"is taken":                  {result: result("success", nil), calls: 1},
		"is in the mempool already": {result: result("transaction failed", nil), calls: 3},
		"pays too little": {
			result: result("transaction failed", map[*btcwire.MsgTx]string{parent: "min relay fee not met", child: "insufficient feerate"}),
			alone:  &bitcoind.Error{Code: -26, Message: "min relay fee not met"}, want: chain.ErrFeeTooLow, calls: 2,
		},
		"goes to a server without packages": {err: &bitcoind.Error{Code: -32601}, calls: 3},
	} {
		f := &fake{answer: func(method string, _ []json.RawMessage) (any, error) {
			if method == "submitpackage" {
				return c.result, c.err
			}
			return "", c.alone
		}}
		s, _ := source(t, f, bitcoind.Config{})
		err := s.BroadcastPackage(t.Context(), parent, child)
		if (c.want == nil) != (err == nil) || !errors.Is(err, c.want) || f.count() != c.calls {
			t.Errorf("a package that %s: %v after %q", name, err, f.calls)
		}
	}
}

func TestAPrunedBlockThatLeavesTheBestChainIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		f := &fake{answer: func(method string, _ []json.RawMessage) (any, error) {
			switch method {
			case "getblockhash":
				asked++
				return strings.Repeat("00", 31) + string("ab"[asked/5]) + "0", nil
			case "getpeerinfo":
				return []any{}, nil
			}
			return nil, &bitcoind.Error{Code: -1, Message: "Block not available (pruned data)"}
		}}
		s, log := source(t, f, bitcoind.Config{})
		if _, _, err := s.BlockAt(t.Context(), 100); err == nil || asked != 5 {
			t.Errorf("after %d questions: %v", asked, err)
		}
		if got := log.list(); len(got) != 1 {
			t.Errorf("the log says %q", got)
		}
	})
}

// An older server, or one that has got the block again after it was pruned, does not tell
// what is spent: that is an error, never a transaction without a sender.
func TestAServerThatDoesNotTellWhatIsSpentIsAnError(t *testing.T) {
	ins := []any{
		map[string]any{"coinbase": "00"},
		map[string]any{"txid": strings.Repeat("11", 32), "vout": 1},
	}
	f := &fake{answer: func(method string, params []json.RawMessage) (any, error) {
		if method != "getblock" || string(params[1]) != "3" {
			t.Errorf("asked for %s %s", method, params)
		}
		return map[string]any{"tx": []any{map[string]any{"vin": ins[:1]}, map[string]any{"vin": ins}}}, nil
	}}
	s, _ := source(t, f, bitcoind.Config{})
	if got, err := s.Spent(t.Context(), chain.BlockRef{Height: 7}); !errors.Is(err, chain.ErrNotTold) {
		t.Errorf("%v: %v", got, err)
	}
	ins[1] = map[string]any{
		"txid": strings.Repeat("11", 32), "vout": 1, "prevout": map[string]any{"scriptPubKey": map[string]any{"hex": "0014"}},
	}
	got, err := s.Spent(t.Context(), chain.BlockRef{Height: 7})
	if at := (btcwire.OutPoint{Hash: [32]byte(bytes.Repeat([]byte{0x11}, 32)), Index: 1}); err != nil || len(got) != 1 || !bytes.Equal(got[at], []byte{0, 0x14}) {
		t.Errorf("%v: %v", got, err)
	}
}

func TestTheEndOfTheChainIsAskedForOnce(t *testing.T) {
	type answer = map[string]any
	at := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		name string
		info answer
		err  error
		want chain.Best
		bad  error
	}{
		{"whole", answer{"chain": "main", "blocks": 900_000, "headers": 900_000, "time": at.Unix(), "mediantime": at.Unix() - 3600}, nil, chain.Best{Height: 900_000, Time: at}, nil},
		{"an older server", answer{"chain": "main", "blocks": 900_000, "headers": 900_000, "mediantime": at.Unix() - 3600}, nil, chain.Best{Height: 900_000, Time: at}, nil},
		{"headers first", answer{"chain": "main", "blocks": 899_900, "headers": 900_000, "time": at.Unix()}, nil, chain.Best{Height: 900_000, Time: at}, nil},
		{"downloading", answer{"chain": "main", "blocks": 5, "headers": 900_000, "initialblockdownload": true}, nil, chain.Best{}, chain.ErrBehind},
		{"a signet that downloads", answer{"chain": "signet", "initialblockdownload": true}, nil, chain.Best{}, chain.ErrBehind},
		{"a signet", answer{"chain": "signet", "blocks": 7, "headers": 7, "time": 1}, nil, chain.Best{Height: 7}, nil},
		{"a regtest of any age", answer{"chain": "regtest", "blocks": 7, "headers": 7, "time": 1, "initialblockdownload": true}, nil, chain.Best{Height: 7}, nil},
		{"away", nil, errAway, chain.Best{}, errAway},
		{"warming up", nil, &bitcoind.Error{Code: -28, Message: "Loading block index"}, chain.Best{}, &bitcoind.Error{}},
	} {
		f := &fake{answer: func(string, []json.RawMessage) (any, error) { return c.info, c.err }}
		s, err := bitcoind.New(bitcoind.Config{URL: "http://127.0.0.1:8332"})
		if err != nil {
			t.Fatal(err)
		}
		s.Through(f)
		best, err := s.Best(t.Context())
		if said := new(bitcoind.Error); !errors.Is(err, c.bad) && (c.name != "warming up" || !errors.As(err, &said)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if best.Height != c.want.Height || !best.Time.Equal(c.want.Time) || f.count() != 1 {
			t.Errorf("%s: %+v, asked %d times", c.name, best, f.count())
		}
	}
}
