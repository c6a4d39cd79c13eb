package system

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/leyden-ln/leyden/amount"
	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/internal/clean"
	"github.com/leyden-ln/leyden/internal/history"
	"github.com/leyden-ln/leyden/internal/invoice"
	"github.com/leyden-ln/leyden/node"
)

type config struct {
	Text   *string              `json:"value_str,omitempty"`
	Number *uint64              `json:"value_int,omitempty"`
	Amount *amount.MilliSatoshi `json:"value_msat,omitempty"`
	Texts  *[]string            `json:"values_str,omitempty"`
	Source string               `json:"source"`
}

type listConfigsRequest struct {
	Config *string `json:"config" doc:"only this one"`
}

type listConfigsResponse struct {
	Configs map[string]config `json:"configs" doc:"by name; each has its value in value_str, value_int, value_msat or values_str, and its source"`
}

func listConfigs(_ context.Context, n *node.Node, r listConfigsRequest) (listConfigsResponse, error) {
	cfg := n.Config()
	all := map[string]config{}
	text := func(name, v string) { all[name] = config{Text: &v, Source: "start"} }
	number := func(name string, v uint64) { all[name] = config{Number: &v, Source: "start"} }
	seconds := func(name string, d time.Duration) { number(name, uint64(max(d, 0)/time.Second)) } //nolint:gosec // not negative
	text("lightning-dir", n.Dir())
	text("network", n.Network())
	text("alias", n.Alias())
	color := n.Color()
	text("rgb", hex.EncodeToString(color[:]))
	number("fee-base", uint64(cfg.Relay.FeeBaseMsat))
	number("fee-per-satoshi", uint64(cfg.Relay.FeeProportionalMillionths))
	number("cltv-delta", uint64(cfg.Relay.CLTVExpiryDelta))
	number("cltv-final", uint64(invoice.DefaultMinFinalCLTVExpiryDelta))
	all["htlc-minimum-msat"] = config{Amount: &cfg.Relay.HTLCMinimum, Source: "start"}
	seconds("autoclean-cycle", cfg.Clean.Every)
	for _, k := range clean.Kinds {
		seconds("autoclean-"+string(k)+"-age", n.Cleaner().Age(k))
	}
	text("assets", n.Tokens().Kept())
	if from, on := n.Tokens().From(); on {
		number("assets-from", uint64(from))
		freezable := []string{}
		for _, id := range cfg.Assets.Freezable {
			freezable = append(freezable, strconv.FormatUint(uint64(id), 10))
		}
		all["assets-freezable"] = config{Texts: &freezable, Source: "start"}
		text("assets-private", strconv.FormatBool(cfg.Assets.Private))
	}
	bound := []string{}
	if n.Addr() != nil {
		bound = append(bound, n.Addr().String())
	}
	all["bind-addr"] = config{Texts: &bound, Source: "start"}
	told := []string{}
	for _, a := range cfg.Announce {
		told = append(told, fmt.Sprintf("%s:%d", a.Host, a.Port))
	}
	all["announce-addr"] = config{Texts: &told, Source: "start"}
	if r.Config == nil {
		return listConfigsResponse{all}, nil
	}
	one, ok := all[*r.Config]
	if !ok {
		return listConfigsResponse{}, command.Refuse(command.InvalidParams, "config: there is no %q", command.Clip([]byte(*r.Config)))
	}
	return listConfigsResponse{map[string]config{*r.Config: one}}, nil
}

type getLogRequest struct {
	Level *string `json:"level" doc:"the least: broken, unusual, info or debug; info when not given"`
}

type logRow struct {
	Type    string `json:"type" doc:"BROKEN, UNUSUAL, INFO or DEBUG; SKIPPED: lines that are not shown"`
	Skipped int    `json:"num_skipped,omitempty" doc:"how many"`
	Time    string `json:"time,omitempty" doc:"seconds after created_at"`
	Source  string `json:"source,omitempty" doc:"leyden"`
	Log     string `json:"log,omitempty" doc:"the line"`
}

type getLogResponse struct {
	CreatedAt string   `json:"created_at" doc:"unix seconds"`
	Used      int      `json:"bytes_used" doc:"in memory"`
	Max       int      `json:"bytes_max" doc:"above which the oldest are forgotten"`
	Log       []logRow `json:"log" doc:"in the order of time"`
}

// levels are Core Lightning's names, from the least.
var levels = []struct {
	name, shown string
	level       slog.Level
}{
	{"debug", "DEBUG", slog.LevelDebug}, {"info", "INFO", slog.LevelInfo},
	{"unusual", "UNUSUAL", slog.LevelWarn}, {"broken", "BROKEN", slog.LevelError},
}

func levelOf(name string) (slog.Level, error) {
	for _, l := range levels {
		if l.name == name {
			return l.level, nil
		}
	}
	return 0, command.Refuse(command.InvalidParams, "level: should be broken, unusual, info or debug, not %q", command.Clip([]byte(name)))
}

func getLog(_ context.Context, n *node.Node, r getLogRequest) (getLogResponse, error) {
	least, err := levelOf(command.Or(r.Level, "info"))
	if err != nil {
		return getLogResponse{}, err
	}
	entries, began, used, skipped := n.History().Read()
	out := getLogResponse{CreatedAt: seconds(time.Duration(began.UnixNano())), Used: used, Max: history.Max, Log: []logRow{}}
	skip := func() {
		if skipped > 0 {
			out.Log = append(out.Log, logRow{Type: "SKIPPED", Skipped: skipped})
		}
		skipped = 0
	}
	for _, e := range entries {
		if e.Level < least {
			skipped++
			continue
		}
		skip()
		shown := levels[0].shown
		for _, l := range levels {
			if e.Level >= l.level {
				shown = l.shown
			}
		}
		out.Log = append(out.Log, logRow{Type: shown, Time: seconds(max(e.Time.Sub(began), 0)), Source: "leyden", Log: e.Text})
	}
	skip()
	return out, nil
}

type logRequest struct {
	Level *string `json:"level" doc:"from now on the least: broken, unusual, info or debug; as it is when not given"`
}

type logResponse struct {
	Level string `json:"level" doc:"the least that is logged"`
}

func setLog(_ context.Context, n *node.Node, r logRequest) (out logResponse, err error) {
	if r.Level != nil {
		level, err := levelOf(*r.Level)
		if err != nil {
			return out, err
		}
		n.LogLevel().Set(level)
	}
	for _, l := range levels {
		if out.Level == "" || n.LogLevel().Level() >= l.level {
			out.Level = l.name
		}
	}
	return out, nil
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%d.%09d", d/time.Second, d%time.Second)
}

var configCommands = []command.Command{
	command.Define(command.Spec{
		Name: "listconfigs", Group: "node", Short: "list how the node was started",
		Long: "Lists what the node was started with, or works with where nothing was said.", Examples: []string{"listconfigs", "listconfigs network"},
	}, listConfigs),
	command.Define(command.Spec{
		Name: "getlog", Group: "node", Short: "show the log",
		Long:     "Shows the newest lines of the log, about a mebibyte of them. Lines of debug are there when the node was started with that level, or `log` asked for them.",
		Examples: []string{"getlog", "getlog unusual"},
	}, getLog),
	command.Define(command.Spec{
		Name: "log", Group: "node", Short: "set how much is logged",
		Long:     "Sets the least level of what is logged, until the node stops, and shows it. The next start takes `--log-level` again.",
		Examples: []string{"log", "log debug"},
	}, setLog),
}
