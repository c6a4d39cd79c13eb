package api_test

import (
	"flag"
	"os"
	"testing"

	"github.com/leyden-ln/leyden/internal/race"
)

func TestMain(m *testing.M) {
	flag.Parse()
	race.Aside(
		"TestTokensOfAChannelThatIsClosedByForceComeHome", // hundreds of blocks, and node's goroutines
		"TestOddCallsAreAnsweredOrRefusedWithACode",       // thousands of calls, one after the other
	)
	os.Exit(m.Run())
}
