package api

import (
	"slices"
	"strconv"
	"strings"

	"github.com/leyden-ln/leyden/api/command"
	"github.com/leyden-ln/leyden/api/system"
)

// OpenAPI describes the commands over REST, in the form of OpenAPI 3.1, made from the
// table.
func OpenAPI() command.Schema {
	paths := command.Schema{}
	for i := range table {
		c := &table[i]
		post := command.Schema{
			"operationId": c.Name, "tags": []string{c.Group}, "summary": c.Short, "description": c.Long,
			"requestBody": content("parameters by name, or an array of them by position", c.ParamsSchema()),
			"responses": command.Schema{
				"201": content("the result", c.ResultSchema()),
				"401": refusal("the rune does not permit it"), "403": refusal("there is no rune"),
				"500": refusal("the command was refused: " + codes(c)),
			},
		}
		paths["/v1/"+c.Name] = command.Schema{"post": post}
	}
	return command.Schema{
		"openapi": "3.1.0",
		"info": command.Schema{
			"title": "Leyden", "version": system.Version,
			"description": "The commands of a Lightning node. Each has its name, parameters and result from Core Lightning.",
		},
		"paths":    paths,
		"security": []command.Schema{{"rune": []string{}}},
		"components": command.Schema{
			"securitySchemes": command.Schema{"rune": command.Schema{"type": "apiKey", "in": "header", "name": "Rune", "description": "made by createrune"}},
			"schemas": command.Schema{"refusal": command.Schema{
				"type": "object", "required": []string{"code", "message"},
				"properties": command.Schema{"code": command.Schema{"type": "integer"}, "message": command.Schema{"type": "string"}, "data": command.Schema{}},
			}},
		},
	}
}

func content(what string, s command.Schema) command.Schema {
	return command.Schema{"description": what, "content": command.Schema{"application/json": command.Schema{"schema": s}}}
}

func refusal(what string) command.Schema {
	return content(what, command.Schema{"$ref": "#/components/schemas/refusal"})
}

// codes are the codes that a command can give, with what they mean.
func codes(c *command.Command) string {
	all := append([]command.Code{command.InvalidParams}, c.Errors...)
	slices.Sort(all)
	var parts []string
	for _, code := range slices.Compact(all) {
		parts = append(parts, strconv.Itoa(int(code))+": "+code.Text())
	}
	return strings.Join(parts, "; ")
}
