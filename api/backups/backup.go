package backups

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/bolt/wire"
	"github.com/leyden-ln/leyden/internal/backup"
	"github.com/leyden-ln/leyden/internal/keeper"
	"github.com/leyden-ln/leyden/node"
)

type staticResponse struct {
	SCB []string `json:"scb" doc:"the static backup of each channel, in hexadecimal, encrypted under the seed"`
}

func static(ctx context.Context, n *node.Node, _ command.None) (out staticResponse, err error) {
	list, err := n.Keeper().Static(ctx)
	out.SCB = make([]string, len(list))
	for i, sealed := range list {
		out.SCB[i] = hex.EncodeToString(sealed)
	}
	return out, err
}

type recoverRequest struct {
	SCB []string `json:"scb" doc:"static backups, in hexadecimal, as staticbackup gives them"`
}

type stubsResponse struct {
	Stubs []wire.ChannelID `json:"stubs" doc:"the ids of the channels that were put back"`
}

// stubs is the answer of the commands that recover channels.
func stubs(ids []wire.ChannelID, err error) (stubsResponse, error) {
	if ids == nil {
		ids = []wire.ChannelID{}
	}
	for _, refusal := range []error{
		backup.ErrNoBackup, backup.ErrVersion, backup.ErrKey, backup.ErrMalformed, keeper.ErrOtherNode,
	} {
		if errors.Is(err, refusal) {
			return stubsResponse{ids}, command.Refuse(command.Failed, "%v", err)
		}
	}
	return stubsResponse{ids}, err
}

func recoverChannel(ctx context.Context, n *node.Node, r recoverRequest) (stubsResponse, error) {
	list := make([][]byte, len(r.SCB))
	for i, text := range r.SCB {
		var err error
		if list[i], err = hex.DecodeString(text); err != nil {
			return stubsResponse{}, command.Refuse(command.InvalidParams, "scb: element %d is not hexadecimal", i)
		}
	}
	return stubs(n.Keeper().Restore(ctx, list...))
}

type dataResponse struct {
	FileData string           `json:"filedata" doc:"the file with the static backup of all channels, in hexadecimal"`
	Penalty  bool             `json:"can_create_penalty" doc:"false: what is in it never punishes, it only asks peers to close"`
	Channels []wire.ChannelID `json:"backed_up_channel_ids" doc:"the channels that are in it"`
}

type copyRequest struct {
	File string `json:"file" doc:"where to: a path on the node's machine at which nothing is yet"`
}

type copyResponse struct {
	File  string `json:"file" doc:"the copy"`
	Bytes int64  `json:"bytes" doc:"its size"`
}

func copyDatabase(ctx context.Context, n *node.Node, r copyRequest) (out copyResponse, err error) {
	if !filepath.IsAbs(r.File) {
		return out, command.Refuse(command.InvalidParams, "file: the path must begin with /")
	}
	err = n.Store().Copy(ctx, r.File)
	var path *os.PathError
	if errors.Is(err, os.ErrExist) || errors.As(err, &path) {
		return out, command.Refuse(command.Failed, "%v", err)
	}
	if err != nil {
		return out, err
	}
	info, err := os.Stat(r.File)
	if err != nil {
		return out, err
	}
	return copyResponse{File: r.File, Bytes: info.Size()}, nil
}

const lost = "A channel that is put back has lost its state: it is never used again. Its peer is asked to close it, and what is the " +
	"node's in it comes home on-chain. See docs/backup.md."

// Commands are those of backups.
var Commands = []command.Command{
	command.Define(command.Spec{
		Name: "backup", Group: "backups", Short: "copy the database while the node runs",
		Long: "Writes a copy of the database to a file. Payments go on meanwhile. The copy is old as soon as a channel moves on: a node " +
			"refuses to start with it unless it gives up its channels (`leyden start --channels-lost`). What it brings back for sure is " +
			"invoices, payments and the wallet.",
		Errors: []command.Code{command.Failed}, Examples: []string{"backup /mnt/safe/leyden.sqlite3"},
	}, copyDatabase),
	command.Define(command.Spec{
		Name: "staticbackup", Group: "backups", Short: "show the static backup of each channel",
		Long: "Shows what, with the 24 words, brings each channel's coins back. It changes only when channels are opened and closed. The " +
			"file channels.backup in the data folder has the same of all channels, and so have peers that store backups.",
		Errors: []command.Code{command.Failed}, Examples: []string{"staticbackup"},
	}, static),
	command.Define(command.Spec{
		Name: "recoverchannel", Group: "backups", Short: "put channels back from their static backups", Long: "Puts channels back. " + lost,
		Errors: []command.Code{command.Failed}, Examples: []string{`recoverchannel '["4c455944454e42…"]'`},
	}, recoverChannel),
	command.Define(command.Spec{
		Name: "emergencyrecover", Group: "backups", Short: "put all channels back from channels.backup in the data folder",
		Long:   "Puts back the channels of the file channels.backup in the data folder, and those that peers have given back. " + lost,
		Errors: []command.Code{command.Failed}, Examples: []string{"emergencyrecover"},
	}, func(ctx context.Context, n *node.Node, _ command.None) (stubsResponse, error) {
		return stubs(n.Keeper().RestoreFromFile(ctx))
	}),
	command.Define(command.Spec{
		Name: "restorefrompeer", Group: "backups", Short: "put all channels back from what peers store for us",
		Long:   "Puts back the channels of the backups that peers have given back since they connected. " + lost,
		Errors: []command.Code{command.Failed}, Examples: []string{"restorefrompeer"},
	}, func(ctx context.Context, n *node.Node, _ command.None) (stubsResponse, error) {
		return stubs(n.Keeper().RestoreFromPeer(ctx))
	}),
	command.Define(command.Spec{
		Name: "getemergencyrecoverdata", Group: "backups", Short: "show the file channels.backup",
		Long:   "Shows the file channels.backup of the data folder: the static backup of all channels, encrypted under the seed.",
		Errors: []command.Code{command.Failed}, Examples: []string{"getemergencyrecoverdata"},
	}, func(ctx context.Context, n *node.Node, _ command.None) (dataResponse, error) {
		sealed, ids, err := n.Keeper().Content(ctx)
		return dataResponse{FileData: hex.EncodeToString(sealed), Channels: append([]wire.ChannelID{}, ids...)}, err
	}),
}
