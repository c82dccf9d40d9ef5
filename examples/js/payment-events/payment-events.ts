// What a payment provider reports, sorted by kind: a payment that came, one that failed, a
// subscription that ended, and anything else, which a person should see.

/** What the provider sends; `event_type` decides which members the transaction has. */
type PaymentEvent =
  | { event_type: "payment.completed"; transaction: CompletedPayment }
  | { event_type: "payment.failed"; transaction: FailedPayment }
  | { event_type: "subscription.cancelled"; transaction: CancelledSubscription };

interface Customer {
  customer_id: string;
}

interface CompletedPayment extends Customer {
  id: string;
  amount: number;
  currency: string;
  completed_at: string;
}

interface FailedPayment extends Customer {
  failure_reason: string;
  failure_code: string;
  failed_at: string;
}

interface CancelledSubscription extends Customer {
  cancellation_reason: string;
  cancelled_at: string;
}

type Priority = "normal" | "high" | "urgent";

declare const data: PaymentEvent & Record<string, unknown>;

export const condition = {
  $via: { name: "Payment Notifications" },
  event_type: String,
  transaction: Object,
};

export const content = async (): Promise<void> => {
  console.log(`the payment provider reports ${data.event_type}`);
  const outcome = sort(data);
  Object.assign(data, outcome ?? { requiresReview: true });
  if (!outcome) console.warn(`an event of an unknown kind: ${data.event_type}`);
  data.eventProcessed = outcome !== undefined;
  data.processedAt = new Date().toISOString();
};

/** What an event means, as members of the data; nothing for an unknown kind. */
function sort(event: PaymentEvent): ({ priority: Priority } & Record<string, unknown>) | undefined {
  switch (event.event_type) {
    case "payment.completed": {
      const { id, amount, currency, customer_id, completed_at } = event.transaction;
      return {
        paymentStatus: "completed",
        requiresConfirmation: true,
        priority: "high",
        payment: {
          // `transaction` keeps the amount to the digit; this copy is a JavaScript number.
          amount,
          currency,
          customerId: customer_id,
          transactionId: id,
          completedAt: completed_at,
        },
      };
    }
    case "payment.failed": {
      const { failure_reason, failure_code, customer_id, failed_at } = event.transaction;
      return {
        paymentStatus: "failed",
        requiresRetry: true,
        priority: "urgent",
        failure: {
          reason: failure_reason,
          code: failure_code,
          customerId: customer_id,
          failedAt: failed_at,
        },
      };
    }
    case "subscription.cancelled": {
      const { cancellation_reason, customer_id, cancelled_at } = event.transaction;
      return {
        subscriptionStatus: "cancelled",
        requiresFollowup: true,
        priority: "normal",
        cancellation: {
          customerId: customer_id,
          reason: cancellation_reason,
          cancelledAt: cancelled_at,
        },
      };
    }
    default:
      return undefined;
  }
}
