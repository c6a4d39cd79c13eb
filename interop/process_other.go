//go:build !linux

package interop

import "syscall"

// endWithUs can do nothing on this system.
func endWithUs(*syscall.SysProcAttr) {}
