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
