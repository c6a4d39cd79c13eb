package ledger

import (
	"context"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/internal/asset"
)

// Holding is what an address has of a property.
type Holding struct {
	asset.Balance
	Frozen bool // the issuer has frozen it
}

// View tells what is known of tokens after the last block: the store with what the ledger
// wrote, or a server.
type View interface {
	// AssetHeight is that of the last block that counts; false: there was never one.
	AssetHeight(ctx context.Context) (uint32, bool, error)
	// Asset is what is known of a property; false: there is none.
	Asset(ctx context.Context, id amount.Property) (asset.Property, bool, error)
	// Assets lists properties from a number on, by number.
	Assets(ctx context.Context, from amount.Property, limit int) ([]asset.Property, error)
	// AssetTotal is how many units there are of a property.
	AssetTotal(ctx context.Context, id amount.Property) (amount.Units, error)
	// AssetHoldings are what an address has, by number of the property; none is zero.
	AssetHoldings(ctx context.Context, address string) ([]Holding, error)
}
