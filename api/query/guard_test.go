package query

import (
	"errors"
	"testing"
)

func TestOnlyOneStatementThatAsksIsTaken(t *testing.T) {
	for text, want := range map[string]error{
		"SELECT 1": nil,
		" \n-- what is\n/* here; */ select 1 ; -- end": nil,
		"WITH x AS (SELECT 1) SELECT * FROM x":         nil,
		"VALUES (1)":                                   nil,
		"EXPLAIN SELECT 1":                             nil,
		"SELECT ';', \";\", [;], `;` -- ;":             nil,
		"SELECT 'it''s; one'":                          nil,
		"SELECT 1; SELECT 2":                           errSeveral,
		"SELECT 1;;":                                   errSeveral,
		"SELECT 1/* */;/**/x":                          errSeveral,
		"":                                             errNoQuery,
		";":                                            errNoQuery,
		"ATTACH 'x' AS y":                              errNoQuery,
		"PRAGMA query_only = OFF":                      errNoQuery,
		"VACUUM INTO 'x'":                              errNoQuery,
		"selecting":                                    errNoQuery,
		"INSERT INTO invoices VALUES (1)":              errNoQuery,
	} {
		if got := one(text); !errors.Is(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
