package bitcoind

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Config says where the server is.
type Config struct {
	URL            string // http://[user:password@]host:port
	User, Password string // where the URL has none
	// Cookie is the path of the server's .cookie file, used where there is no
	// user. It is read when it is needed: a server that is late has none yet.
	Cookie string
	// FeePerKw is the feerate while the server knows none, in satoshi for 1000
	// units of weight; zero: [chain.DefaultFeePerKw].
	FeePerKw uint32
	Log      *slog.Logger
}

// Source is a bitcoind. It implements [chain.Source] and is safe for concurrent use.
type Source struct {
	cfg       Config
	url       string
	client    *http.Client
	auth      atomic.Pointer[[2]string]
	noWait    atomic.Bool // the server has no waitforblockheight
	noPackage atomic.Bool // nor submitpackage

	mu    sync.Mutex
	state state // of the server, as the log has it
}

// Error is what the server refused.
type Error struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *Error) Error() string { return fmt.Sprintf("bitcoind: %s (code %d)", e.Message, e.Code) }

// Codes of bitcoind (src/rpc/protocol.h).
const (
	codeNoMethod    = -32601
	codeMisc        = -1
	codeNotFound    = -5
	codeParameter   = -8
	codeTxError     = -25
	codeTxRejected  = -26
	codeTxConfirmed = -27
	codeWarmup      = -28
)

// ErrURL means that the server's address cannot be read.
var ErrURL = errors.New("want the server as http://user:password@host:port")

// New makes a source; it does not call the server yet. Error: [ErrURL].
func New(cfg Config) (*Source, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, ErrURL
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Source{cfg: cfg, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
	if password, ok := u.User.Password(); ok || u.User.Username() != "" {
		s.auth.Store(&[2]string{u.User.Username(), password})
	} else if cfg.User != "" || cfg.Cookie == "" {
		s.auth.Store(&[2]string{cfg.User, cfg.Password})
	}
	u.User = nil
	s.url = u.String()
	return s, nil
}

// readCookie takes user and password from the cookie file.
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
	maxReply    = 64 << 20 // bytes: a full block with what it spends takes up to 40 MiB
)

var errUnauthorised = errors.New("user, password or cookie is wrong")

// call asks once.
func (s *Source) call(ctx context.Context, result any, method string, params ...any) error {
	if s.auth.Load() == nil {
		if err := s.readCookie(); err != nil {
			return err
		}
	}
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
		return fmt.Errorf("%s: answer %d is not JSON", method, res.StatusCode)
	}
	if reply.Error != nil {
		return reply.Error
	}
	if err := json.Unmarshal(reply.Result, result); err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// Call asks the server once for what a chain source does not, such as the commands of Omni
// Core. Error: an [*Error] of the server's, or that of the way there.
func (s *Source) Call(ctx context.Context, result any, method string, params ...any) error {
	return s.call(ctx, result, method, params...)
}

// patient asks until the server answers. Only what the server says itself, and the
// end of ctx, is returned as an error.
func (s *Source) patient(ctx context.Context, result any, method string, params ...any) error {
	for {
		err := s.call(ctx, result, method, params...)
		var said *Error
		switch {
		case err == nil || errors.As(err, &said) && said.Code != codeWarmup:
			s.answered()
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case said != nil:
			s.note(warming, said.Message)
		default:
			s.note(away, err.Error())
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits before the server is asked again.
func pause(ctx context.Context) error {
	t := time.NewTimer(pollEvery)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
