package tokens

import (
	"context"
	"errors"
	"fmt"

	"github.com/leyden-ln/leyden/internal/asset"
)

// ErrNotCarried means that no channel may have tokens of a property.
var ErrNotCarried = errors.New("channels do not carry this token")

// Carried says why no channel may have tokens of a property; nil: one may. Errors:
// [ErrOff], [ErrNotCarried], and the store's.
func (s *Service) Carried(ctx context.Context, p asset.Property) error {
	if !s.cfg.On {
		return fmt.Errorf("%w: %w", ErrNotCarried, ErrOff)
	}
	height, _, err := s.cfg.Store.AssetHeight(ctx)
	switch {
	case err != nil:
		return err
	case p.Halted != "":
		return fmt.Errorf("%w: %s", ErrNotCarried, p.Halted)
	case p.Tainted != "":
		return fmt.Errorf("%w: %s", ErrNotCarried, p.Tainted)
	case p.Unique:
		return fmt.Errorf("%w: each of its tokens is another", ErrNotCarried)
	case !s.params.SendToMany(p.ID, height+1):
		return fmt.Errorf("%w: send-to-many is not active for it on this network", ErrNotCarried)
	}
	return nil
}
