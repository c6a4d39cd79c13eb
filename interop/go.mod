module github.com/leyden-ln/leyden/interop

go 1.26.0

tool (
	github.com/btcsuite/btcd
	github.com/lightningnetwork/lnd/cmd/lncli
	github.com/lightningnetwork/lnd/cmd/lnd
)

replace (
	github.com/gogo/protobuf => github.com/gogo/protobuf v1.3.2
	github.com/ulikunitz/xz => github.com/ulikunitz/xz v0.5.11
	google.golang.org/protobuf => github.com/lightninglabs/protobuf-go-hex-display v1.33.0-hex-display
)

