// Package onchain is the commands of coins on-chain.
package onchain
