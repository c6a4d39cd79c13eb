package bitcoind

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/btcsuite/btcd/chainhash/v2"
	btcwire "github.com/btcsuite/btcd/wire/v2"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/chain"
)

// Config says where the server is.
type Config struct {
	URL    string // http://[user:password@]host:port
	Cookie string // path of the .cookie file; empty: the URL has user and password
	Log    *slog.Logger
}

// Source is a bitcoind. It implements [chain.Source] and is safe for concurrent use.
type Source struct {
	cfg    Config
	url    string
	client *http.Client
	auth   atomic.Pointer[[2]string]
	noWait atomic.Bool // the server has no waitforblockheight
	down   atomic.Bool // the server did not answer the last time
}

// Error is what the server refused.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return fmt.Sprintf("bitcoind: %s (code %d)", e.Message, e.Code) }

// Codes of bitcoind.
const (
	codeNoMethod    = -32601
	codeTxRejected  = -26
	codeTxError     = -25
	codeTxConfirmed = -27
	codeWarmup      = -28
)

// ErrURL means that the server's address cannot be read.
var ErrURL = errors.New("want the server as http://user:password@host:port")

// New makes a source; it does not call the server yet. Error: [ErrURL], or that
// of the cookie file.
func New(cfg Config) (*Source, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, ErrURL
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{cfg: cfg, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	password, _ := u.User.Password()
	s.auth.Store(&[2]string{u.User.Username(), password})
	u.User = nil
	s.url = u.String()
	if cfg.Cookie != "" {
		return s, s.readCookie()
	}
	return s, nil
}

func (s *Source) readCookie() error {
	b, err := os.ReadFile(s.cfg.Cookie)
	if err != nil {
		return err
	}
	user, password, ok := strings.Cut(strings.TrimSpace(string(b)), ":")
	if !ok {
		return fmt.Errorf("%s: not a cookie", s.cfg.Cookie)
	}
	s.auth.Store(&[2]string{user, password})
	return nil
}

// Close gives idle connections back.
func (s *Source) Close() { s.client.CloseIdleConnections() }

const (
	callTimeout = 30 * time.Second
	waitTimeout = 20 * time.Second
	pollEvery   = time.Second
	maxReply    = 32 << 20 // bytes
)

var errUnauthorised = errors.New("bitcoind: user, password or cookie is wrong")

// call asks once.
func (s *Source) call(ctx context.Context, result any, method string, params ...any) error {
	err := s.post(ctx, result, method, params)
	if errors.Is(err, errUnauthorised) && s.cfg.Cookie != "" && s.readCookie() == nil {
		err = s.post(ctx, result, method, params) // the server was started anew
	}
	return err
}

func (s *Source) post(ctx context.Context, result any, method string, params []any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "1.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	auth := s.auth.Load()
	r.SetBasicAuth(auth[0], auth[1])
	r.Header.Set("Content-Type", "application/json")
	res, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusUnauthorized {
		return errUnauthorised
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if err != nil {
		return err
	}
	var reply struct {
		Result json.RawMessage `json:"result"`
		Error  *Error          `json:"error"`
	}
	if err := json.Unmarshal(b, &reply); err != nil {
		return fmt.Errorf("bitcoind: %s: answer %d is not JSON", method, res.StatusCode)
	}
	if reply.Error != nil {
		return reply.Error
	}
	return json.Unmarshal(reply.Result, result)
}

// patient asks until the server answers. Only what the server says itself, and the
// end of ctx, is returned as an error.
func (s *Source) patient(ctx context.Context, result any, method string, params ...any) error {
	for {
		err := s.call(ctx, result, method, params...)
		var said *Error
		if err == nil || errors.As(err, &said) && said.Code != codeWarmup {
			if s.down.Swap(false) {
				s.cfg.Log.Info("bitcoind is back", "url", s.url)
			}
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !s.down.Swap(true) {
			s.cfg.Log.Warn("bitcoind does not answer; waiting for it", "url", s.url, "why", err)
		}
		if err := sleep(ctx, pollEvery); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Ready waits until the server answers and says which chain it is on.
func (s *Source) Ready(ctx context.Context) (network string, err error) {
	var info struct {
		Chain string `json:"chain"`
	}
	err = s.patient(ctx, &info, "getblockchaininfo")
	return info.Chain, err
}

// Tip implements [chain.Source].
func (s *Source) Tip(ctx context.Context) (chain.BlockRef, error) {
	var info struct {
		Blocks uint32 `json:"blocks"`
		Hash   string `json:"bestblockhash"`
	}
	if err := s.patient(ctx, &info, "getblockchaininfo"); err != nil {
		return chain.BlockRef{}, err
	}
	h, err := chainhash.NewHashFromStr(info.Hash)
	if err != nil {
		return chain.BlockRef{}, err
	}
	return chain.BlockRef{Height: info.Blocks, Hash: *h}, nil
}

// Parent implements [chain.Reader].
func (s *Source) Parent(ctx context.Context, hash chainhash.Hash) (prev chainhash.Hash, best bool, err error) {
	var h struct {
		Confirmations int    `json:"confirmations"`
		Previous      string `json:"previousblockhash"`
	}
	if err := s.patient(ctx, &h, "getblockheader", hash.String()); err != nil {
		return prev, false, err
	}
	if h.Previous != "" {
		p, err := chainhash.NewHashFromStr(h.Previous)
		if err != nil {
			return prev, false, err
		}
		prev = *p
	}
	return prev, h.Confirmations >= 0, nil
}

// BlockAt implements [chain.Reader].
func (s *Source) BlockAt(ctx context.Context, height uint32) (chain.Block, bool, error) {
	var said *Error
	var hash string
	if err := s.patient(ctx, &hash, "getblockhash", height); errors.As(err, &said) {
		return chain.Block{}, false, nil // not that high
	} else if err != nil {
		return chain.Block{}, false, err
	}
	var text string
	if err := s.patient(ctx, &text, "getblock", hash, 0); err != nil {
		return chain.Block{}, false, err
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		return chain.Block{}, false, err
	}
	var b btcwire.MsgBlock
	if err := b.Deserialize(bytes.NewReader(raw)); err != nil {
		return chain.Block{}, false, err
	}
	return chain.NewBlock(height, &b), true, nil
}

// Changed implements [chain.Reader].
func (s *Source) Changed(ctx context.Context, tip chain.BlockRef) error {
	for {
		if now, err := s.Tip(ctx); err != nil || now != tip {
			return err
		}
		if s.noWait.Load() {
			if err := sleep(ctx, pollEvery); err != nil {
				return err
			}
			continue
		}
		var said *Error
		var ignored json.RawMessage
		// Not waitfornewblock: it misses a block that came since the tip was asked for.
		err := s.call(ctx, &ignored, "waitforblockheight", tip.Height+1, waitTimeout.Milliseconds())
		switch {
		case errors.As(err, &said) && said.Code == codeNoMethod:
			s.noWait.Store(true)
		case err != nil:
			if err := sleep(ctx, pollEvery); err != nil {
				return err
			}
		}
	}
}

// Follow implements [chain.Source].
func (s *Source) Follow(ctx context.Context, from chain.BlockRef, each func(chain.Event) error) error {
	return chain.Walk(ctx, s, from, each)
}

// Watch implements [chain.Source]: every block is given whole.
func (s *Source) Watch(...[]byte) {}

// Broadcast implements [chain.Source].
func (s *Source) Broadcast(ctx context.Context, tx *btcwire.MsgTx) error {
	var b bytes.Buffer
	if err := tx.Serialize(&b); err != nil {
		return err
	}
	var txid string
	err := s.call(ctx, &txid, "sendrawtransaction", hex.EncodeToString(b.Bytes()))
	var said *Error
	if !errors.As(err, &said) {
		return err
	}
	if said.Code == codeTxConfirmed || strings.Contains(said.Message, "txn-already-") {
		return nil
	}
	if said.Code == codeTxRejected || said.Code == codeTxError {
		return fmt.Errorf("%w: %s", chain.ErrRejected, said.Message)
	}
	return err
}

// FeeRate implements [chain.Source].
func (s *Source) FeeRate(ctx context.Context, blocks uint32) (uint32, error) {
	var estimate struct {
		FeeRate json.Number `json:"feerate"` // bitcoin for 1000 virtual bytes
	}
	if err := s.call(ctx, &estimate, "estimatesmartfee", max(blocks, 2)); err != nil {
		return 0, err
	}
	if estimate.FeeRate == "" {
		return chain.MinFeePerKw, nil // the server has seen too few blocks to know
	}
	perKvB, err := amount.Parse(estimate.FeeRate.String() + "btc")
	if err != nil {
		return 0, err
	}
	return max(uint32(min(perKvB.Sat()/4, 1<<31)), chain.MinFeePerKw), nil //nolint:gosec // bounded
}

// Output implements [chain.Source].
func (s *Source) Output(ctx context.Context, scid wire.ShortChannelID) (*btcwire.TxOut, btcwire.OutPoint, error) {
	var op btcwire.OutPoint
	b, ok, err := s.BlockAt(ctx, scid.Height())
	if err != nil {
		return nil, op, err
	}
	if !ok || int(scid.Index()) >= len(b.Txs) {
		return nil, op, chain.ErrNoOutput
	}
	tx := b.Txs[scid.Index()]
	if int(scid.Output()) >= len(tx.TxOut) {
		return nil, op, chain.ErrNoOutput
	}
	op = btcwire.OutPoint{Hash: tx.TxHash(), Index: uint32(scid.Output())}
	var unspent *json.RawMessage
	if err := s.patient(ctx, &unspent, "gettxout", op.Hash.String(), op.Index, false); err != nil {
		return nil, op, err
	}
	if unspent == nil {
		return nil, op, chain.ErrNoOutput
	}
	return tx.TxOut[op.Index], op, nil
}
