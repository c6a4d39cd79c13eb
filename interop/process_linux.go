package interop

import "syscall"

// endWithUs makes a program end when this one does, however that ends.
func endWithUs(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
