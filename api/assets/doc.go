// Package assets is the commands of the Omni Layer's tokens on-chain.
package assets
