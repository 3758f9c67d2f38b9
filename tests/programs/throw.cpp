/* An exception that nobody catches, thrown in a method of a class in a namespace. */
#include "frames.h"

#include <stdexcept>
#include <string>

volatile int sink;

namespace bank
{
class Account
{
  public:
    KEEP void withdraw(int amount)
    {
        sink = amount;
        throw std::runtime_error("overdrawn"); /* frame 0 bank::Account::withdraw(int) */
    }
};

template <typename T> KEEP int settle(Account &account, T amount)
{
    account.withdraw(amount); /* frame 1 int bank::settle<int>(bank::Account&, int) */
    sink = 1;
    return 1;
}
} // namespace bank

int main()
{
    bank::Account account;
    sink = bank::settle(account, 5); /* frame 2 main */
    return 0;
}
