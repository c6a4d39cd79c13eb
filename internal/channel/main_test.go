package channel

import (
	"os"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
)

func TestMain(m *testing.M) { os.Exit(race.Pure(m)) }
