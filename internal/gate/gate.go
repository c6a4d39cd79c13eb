package gate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/leyden-ln/leyden/internal/durable"
	"github.com/leyden-ln/leyden/internal/runes"
	"github.com/leyden-ln/leyden/internal/store"
)

// Errors of [Gate.Admit].
var (
	ErrNotAuthorized = errors.New("not authorized")
	ErrRevoked       = errors.New("not authorized: Blacklisted rune")
	ErrNotPermitted  = errors.New("not permitted")
)

// ErrNumber is that a rune has no number, and so none of a node's.
var ErrNumber = errors.New("should have valid numeric unique_id")

// Highest is the highest number that can be revoked.
const Highest = 99_999_999

// useEvery is how often the uses of a rune without a rate are written.
const useEvery = time.Minute

// factSecret is the fact under which the secret is stored.
const factSecret = "rune secret"

// Store is what is kept.
type Store interface {
	durable.Writer
	Fact(ctx context.Context, name string) ([]byte, bool, error)
	NextRune(ctx context.Context) (uint64, error)
	RuneUses(ctx context.Context) ([]store.RuneUseRow, error)
	RevokedRunes(ctx context.Context) ([]runes.Range, error)
}

// Config is what a gate needs.
type Config struct {
	Store  Store
	Random io.Reader
	Now    func() time.Time
}

// Gate knows who may give commands. It is safe for concurrent use.
type Gate struct {
	cfg Config

	changing sync.Mutex // held while a rune is made, or revoked

	mu      sync.Mutex
	secret  []byte // nil: no rune was made yet
	next    uint64
	uses    map[uint64]use
	revoked []runes.Range
}

// use is when a rune was last used, and which use was written.
type use struct{ at, written time.Time }

// Open makes a gate of what is stored.
func Open(ctx context.Context, cfg Config) (g *Gate, err error) {
	g = &Gate{cfg: cfg, uses: map[uint64]use{}}
	if g.secret, _, err = cfg.Store.Fact(ctx, factSecret); err != nil {
		return nil, err
	}
	if g.next, err = cfg.Store.NextRune(ctx); err != nil {
		return nil, err
	}
	if g.revoked, err = cfg.Store.RevokedRunes(ctx); err != nil {
		return nil, err
	}
	uses, err := cfg.Store.RuneUses(ctx)
	for _, u := range uses {
		g.uses[u.ID] = use{u.At, u.At}
	}
	return g, err
}

// Make makes a rune with a new number.
func (g *Gate) Make(ctx context.Context, restrictions ...runes.Restriction) (*runes.Rune, uint64, error) {
	g.changing.Lock()
	defer g.changing.Unlock()
	g.mu.Lock()
	secret, id := g.secret, g.next
	g.mu.Unlock()
	var rows []durable.Row
	if secret == nil {
		secret = make([]byte, 32)
		if _, err := io.ReadFull(g.cfg.Random, secret); err != nil {
			return nil, 0, err
		}
		rows = append(rows, store.Fact{Name: factSecret, Value: secret})
	}
	r := runes.New(secret, id)
	for _, x := range restrictions {
		if err := r.Restrict(x); err != nil {
			return nil, 0, err
		}
	}
	if err := g.cfg.Store.Write(ctx, append(rows, store.RuneRow{ID: id, Text: r.Encode()})...); err != nil {
		return nil, 0, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.secret, g.next = secret, id+1
	return r, id, nil
}

// Any says whether a rune was ever made here.
func (g *Gate) Any() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.secret != nil
}

// Ours says whether a rune was made here, or of one that was.
func (g *Gate) Ours(r *runes.Rune) bool {
	g.mu.Lock()
	secret := g.secret
	g.mu.Unlock()
	return secret != nil && r.AuthorizedBy(secret)
}

// Revoked are the numbers that are revoked, in order.
func (g *Gate) Revoked() []runes.Range {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.revoked)
}

// LastUsed is when a rune with a number was last admitted; zero: never.
func (g *Gate) LastUsed(id uint64) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.uses[id].at
}

// Revoke makes runes useless, and those made of them.
func (g *Gate) Revoke(ctx context.Context, r runes.Range) error { return g.change(ctx, r, runes.With) }

// Relist takes a revocation back.
func (g *Gate) Relist(ctx context.Context, r runes.Range) error {
	return g.change(ctx, r, runes.Without)
}

func (g *Gate) change(ctx context.Context, r runes.Range, how func([]runes.Range, runes.Range) []runes.Range) error {
	g.changing.Lock()
	defer g.changing.Unlock()
	now := how(g.Revoked(), r)
	if err := g.cfg.Store.Write(ctx, store.RevokedRunesRow{Ranges: now}); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.revoked = now
	return nil
}

// Admit judges the use of a rune: whether it is ours, not revoked, and permits this
// call, whose times it fills in. It counts as a use when it is admitted. Errors:
// [ErrNotAuthorized], [ErrRevoked], [ErrNotPermitted], the disk's.
func (g *Gate) Admit(ctx context.Context, text string, c *runes.Call) (*runes.Rune, error) {
	r, id, err := g.read(text)
	if err != nil {
		return nil, err
	}
	write, err := g.judge(r, id, c)
	if err != nil {
		return nil, err
	}
	if write {
		if err := g.cfg.Store.Write(ctx, store.RuneUseRow{ID: id, At: c.Now}); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// Holds says whether a rune that was admitted to something that lasts is still good for
// it. It counts as no use, and no rate matters.
func (g *Gate) Holds(text string, c *runes.Call) bool {
	r, id, err := g.read(text)
	c.Now, c.LastUsed = g.cfg.Now(), time.Time{}
	return err == nil && !runes.Within(g.Revoked(), id) && r.Check(c) == nil
}

// Good says whether a rune is ours and not revoked, whatever it permits.
func (g *Gate) Good(text string) bool {
	_, id, err := g.read(text)
	return err == nil && !runes.Within(g.Revoked(), id)
}

// Allows says whether a rune that is good may permit a command with some parameters, at
// some time.
func (g *Gate) Allows(text, method string) bool {
	r, id, err := g.read(text)
	return err == nil && !runes.Within(g.Revoked(), id) && r.Allows(method)
}

// read is a rune of ours, with its number. Error: [ErrNotAuthorized].
func (g *Gate) read(text string) (*runes.Rune, uint64, error) {
	r, err := runes.Decode(text)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrNotAuthorized, err)
	}
	if !g.Ours(r) {
		return nil, 0, fmt.Errorf("%w: not a rune of this node", ErrNotAuthorized)
	}
	id, ok := r.ID()
	if !ok {
		return nil, 0, fmt.Errorf("%w: %w", ErrNotAuthorized, ErrNumber)
	}
	return r, id, nil
}

// judge says whether a use that is permitted is to be written.
func (g *Gate) judge(r *runes.Rune, id uint64, c *runes.Call) (write bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if runes.Within(g.revoked, id) {
		return false, ErrRevoked
	}
	last := g.uses[id]
	c.Now, c.LastUsed = g.cfg.Now(), last.at
	if err := r.Check(c); err != nil {
		return false, fmt.Errorf("%w: %w", ErrNotPermitted, err)
	}
	write = r.HasRate() || last.written.IsZero() || c.Now.Sub(last.written).Abs() >= useEvery
	last.at = c.Now
	if write {
		last.written = c.Now
	}
	g.uses[id] = last
	return write, nil
}
