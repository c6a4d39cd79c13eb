// Package runes is the commands that make, show and revoke runes. What judges them is
// package gate; checkrune is package api's, because it knows every command's names.
package runes
