package tokens

import "github.com/leyden-ln/leyden/amount"

// Announced is a channel with tokens of which its nodes have told.
type Announced struct {
	Property amount.Property `json:"property_id"`
	Source   string          `json:"source"` // one node of it
	Other    string          `json:"destination"`
	SCID     string          `json:"short_channel_id"`
	Capacity amount.Units    `json:"capacity_units"`
}

// Once is each channel once of a list that has directions.
func Once(directions []Announced) (out []Announced) {
	seen := make(map[string]bool, len(directions)/2)
	for _, d := range directions {
		if !seen[d.SCID] {
			out = append(out, d)
		}
		seen[d.SCID] = true
	}
	return out
}

// At are the first of the channels of a node, or of all if it is empty, and how many there
// are.
func At(list []Announced, node string, first int) (out []Announced, all int) {
	for _, c := range list {
		if node != "" && c.Source != node && c.Other != node {
			continue
		}
		if all++; all <= first {
			out = append(out, c)
		}
	}
	return out, all
}
