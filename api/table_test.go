package api

import (
	"strings"
	"testing"
)

func TestEveryCommandIsDescribed(t *testing.T) {
	for _, c := range Table() {
		if c.Short == "" || c.Long == "" || c.Group == "" || len(c.Examples) == 0 {
			t.Errorf("%s lacks a text or an example", c.Name)
		}
		for _, p := range c.Params {
			if p.Doc == "" {
				t.Errorf("%s: parameter %s is not described", c.Name, p.Name)
			}
		}
		for _, code := range c.Errors {
			if code.Text() == "" {
				t.Errorf("%s: code %d has no text", c.Name, code)
			}
		}
	}
	// A client looks for this word to know what the invoice command can do.
	if c, _ := Find("invoice"); !strings.Contains(c.Usage(), "deschashonly") {
		t.Error("help does not show that invoice takes deschashonly")
	}
	if _, ok := Find("listinvoice"); !ok {
		t.Error("listinvoices is not found under its older name")
	}
}
