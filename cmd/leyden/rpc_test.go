package main

import (
	"testing"

	"github.com/leyden-ln/leyden/api"
)

func TestCheckTakesTheParametersOfAnotherCommand(t *testing.T) {
	c, ok := api.Find("check")
	if !ok {
		t.Fatal("there is no check")
	}
	for _, try := range []struct {
		args     []string
		keywords bool
		want     string
	}{
		{[]string{"invoice", "any", "tea", "7", "null"}, false, `["invoice","any","tea",7,null]`},
		{[]string{"command_to_check=invoice", "label=tea"}, true, `{"command_to_check":"invoice","label":"tea"}`},
	} {
		got, err := parameters(*c, try.args, nil, try.keywords)
		if err != nil || string(got) != try.want {
			t.Errorf("%v gave %s, want %s: %v", try.args, got, try.want, err)
		}
	}
	other, _ := api.Find("newaddr")
	if _, err := parameters(*other, []string{"p2tr", "more"}, nil, false); err == nil {
		t.Error("too many parameters were taken")
	}
}

func TestEachCommandOfTokensHasItsShortName(t *testing.T) {
	asset, _, err := root().Find([]string{"asset"})
	if err != nil {
		t.Fatal(err)
	}
	short := map[string]bool{}
	for _, c := range asset.Commands() {
		short[c.Short] = true
	}
	table := api.Table()
	for i := range table {
		if c := &table[i]; c.Group == "assets" && !short[c.Short] {
			t.Errorf("%s is not below leyden asset", c.Name)
		}
	}
	if send, _, err := root().Find([]string{"asset", "send"}); err != nil || send.Use != "send property_id amount destination [from] [feerate]" {
		t.Errorf("%v: %v", send.Use, err)
	}
}
