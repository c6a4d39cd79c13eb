package web

import "github.com/leyden-ln/leyden/web/office"

// blocksLeft is how long a payment is held at the most; 0: it is not held.
func (v *visit) blocksLeft(hash string) uint64 {
	var found struct {
		Invoices []struct {
			Left uint64 `json:"blocks_left"`
		} `json:"holdinvoices"`
	}
	if err := v.run(v.ctx(), &found, "listholdinvoices", arg{"payment_hash", hash}); err != nil || len(found.Invoices) != 1 {
		return 0
	}
	return found.Invoices[0].Left
}

// settle gives the preimage of a held invoice, and takes the payment.
func (v *visit) settle() error {
	return v.decide("settleholdinvoice", arg{"preimage", v.field("preimage")})
}

// cancel sends the payment of a held invoice back.
func (v *visit) cancel() error {
	return v.decide("cancelholdinvoice", arg{"payment_hash", v.r.PathValue("hash")})
}

func (v *visit) decide(command string, what arg) error {
	page, err := v.readPageInvoice()
	if err != nil {
		return err
	}
	if err := v.run(v.ctx(), nil, command, what); err != nil {
		page.Wrong = office.Reason(err)
		return v.write(422, "invoice", &page)
	}
	return v.see("/invoices/" + page.PaymentHash)
}
